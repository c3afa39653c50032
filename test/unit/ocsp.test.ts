// What a server staples about its certificate, as it is read.
import { describe, expect, it } from 'vitest';
import { constructed, ENUMERATED, encode, integer, OCTET_STRING, primitive, SEQUENCE } from '../../src/core/ber.ts';
import { describeStaple } from '../../src/tls/ocsp.ts';

describe('a stapled OCSP response', () => {
  const time = (text: string) => primitive(0x18, text);
  const response = (status: number, ...more: Parameters<typeof constructed>[1][]) => {
    const single = constructed(
      SEQUENCE,
      constructed(SEQUENCE, primitive(OCTET_STRING, 'the certificate')),
      status === 0xa1 ? constructed(status, time('20261101000000Z')) : primitive(status, ''),
      time('20261120093000Z'),
      ...more,
    );
    const data = constructed(
      SEQUENCE,
      constructed(0xa2, primitive(OCTET_STRING, 'the responder')),
      time('20261120093000Z'),
      constructed(SEQUENCE, single),
    );
    const basic = encode(constructed(SEQUENCE, data, constructed(SEQUENCE)));
    const typed = constructed(
      SEQUENCE,
      primitive(0x06, Buffer.from('2b0601050507300101', 'hex')),
      primitive(OCTET_STRING, basic),
    );
    return encode(constructed(SEQUENCE, integer(0, ENUMERATED), constructed(0xa0, typed)));
  };

  it.each([
    [0x80, 'good'],
    [0xa1, 'revoked'],
    [0x82, 'unknown'],
  ])('with status %i is %s', (tag, status) => {
    const bytes = response(tag, constructed(0xa0, time('20261127093000Z')));
    expect(describeStaple({ response: bytes, checked: true })).toEqual({
      status,
      thisUpdate: '2026-11-20T09:30:00.000Z',
      nextUpdate: '2026-11-27T09:30:00.000Z',
      checked: true,
    });
  });

  it('need not say when the next one comes', () => {
    expect(describeStaple({ response: response(0x80), checked: false })).toMatchObject({
      status: 'good',
      nextUpdate: null,
    });
  });

  it('may say that there is no answer', () => {
    const tryLater = encode(constructed(SEQUENCE, integer(3, ENUMERATED)));
    expect(describeStaple({ response: tryLater, checked: false })).toMatchObject({ status: 'unavailable' });
  });

  it('is never more than unreadable, cut wherever', () => {
    const bytes = response(0x80);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(describeStaple({ response: bytes.subarray(0, length), checked: false }).status).toBe('unreadable');
    }
  });
});
