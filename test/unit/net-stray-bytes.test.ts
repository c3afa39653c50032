import { describe, expect, it } from 'vitest';
import { CLIENT_HELLO_HEAD, StrayBytesError, startsClientHello, strayBytes } from '../../src/net/stray-bytes.ts';

const HELLO = Buffer.from('\x16\x03\x01\x02\x00\x01', 'latin1');

describe('stray bytes', () => {
  it('every beginning of a ClientHello record passes for a server, and none for a client', () => {
    for (let length = 1; length <= HELLO.length; length += 1) {
      const head = HELLO.subarray(0, length);
      expect(startsClientHello(head)).toBe(true);
      expect(strayBytes('server', length, head).count).toBe(0);
      expect(strayBytes('client', length, head).count).toBe(length);
    }
    expect(CLIENT_HELLO_HEAD).toBe(HELLO.length);
  });

  it.each([
    ['text', 'NOOP\r\n'],
    ['an alert', '\x15\x03\x01\x00\x02\x02'],
    ['application data', '\x17\x03\x03\x00\x10\x01'],
    ['another handshake message', '\x16\x03\x03\x00\x10\x02'],
    ['another protocol', '\x16\xfe\xfd\x00\x00\x01'],
    ['a version that does not exist', '\x16\x03\x05\x00\x10\x01'],
  ])('%s does not', (_what, text) => {
    const head = Buffer.from(text, 'latin1');
    expect(startsClientHello(head)).toBe(false);
    expect(strayBytes('server', 100, head).count).toBe(100);
  });

  it('the error counts in words', () => {
    expect(new StrayBytesError(1, HELLO).message).toMatch(/^1 byte of plaintext/);
    expect(new StrayBytesError(2, HELLO).message).toMatch(/^2 bytes of plaintext/);
  });
});
