// Header lines that are added to those of the program.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rfc5322Date } from '../../src/emailx/generated-fields.ts';

it('a date is that of toUTCString, with the zone in digits', () => {
  const dates = fc.date({
    min: new Date('1970-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(dates, (date) => {
      expect(rfc5322Date(date)).toBe(date.toUTCString().replace('GMT', '+0000'));
    }),
  );
});
