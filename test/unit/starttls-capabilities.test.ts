import { describe, expect, it } from 'vitest';
import { capabilitiesOf, mutilated } from '../../src/starttls/capabilities.ts';
import { cpuTime } from '../support/cpu-time.ts';

describe('capabilities', () => {
  it('gather what several entries say of one keyword, in any case', () => {
    const known = capabilitiesOf(['AUTH PLAIN', 'auth=LOGIN  X', 'SIZE', ' size 10 ']);
    expect(known.parameters('auth')).toEqual(['PLAIN', 'LOGIN', 'X']);
    expect(known.parameters('SIZE')).toEqual(['10']);
    expect([known.has('Auth'), known.has('AUT'), known.parameters('CHUNKING')]).toEqual([true, false, null]);
  });

  it('take time in proportion to what a server lists, as much as a reply may hold', () => {
    const entries = Array.from({ length: 1_000 }, () => `AUTH${' a'.repeat(500)}`);
    const time = cpuTime(() => expect(capabilitiesOf(entries).parameters('AUTH')).toHaveLength(500_000));
    expect(time).toBeLessThan(1_000);
  });
});

describe('what stands in place of an offer', () => {
  it('is quoted so that a terminal does not obey it', () => {
    expect(mutilated(['XSTARTTLS\x1b[2J\x9b31m\u202e'], 'STARTTLS')).toBe(
      '"XSTARTTLS\\u001b[2J\\u{9b}31m\\u{202e}" stands where STARTTLS could have been',
    );
  });

  it('is cut when it is long', () => {
    expect(mutilated([`STARTTLS${'X'.repeat(10_000)}`], 'STARTTLS')?.length).toBeLessThan(200);
  });
});
