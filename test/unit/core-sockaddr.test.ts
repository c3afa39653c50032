// Socket addresses in C's layout, against what node:net thinks of the same text.

import { isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AF_INET, AF_INET6, loadLibc } from '../../src/native/libc.ts';
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from '../../src/native/sockaddr.ts';

const port = fc.integer({ min: 0, max: 65_535 });
const ipv4 = fc.ipV4();
/** Every way to write one: full, compressed, with a dotted tail, in capitals. */
const ipv6 = fc.oneof(
  fc.ipV6(),
  fc.ipV6().map((text) => text.toUpperCase()),
  fc
    .tuple(fc.constantFrom('::', '::ffff:', '64:ff9b::', '1:2:3:4:5:6:', '::1:'), ipv4)
    .map(([head, tail]) => head + tail),
  fc
    .array(fc.constantFrom(0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.map((group) => group.toString(16)).join(':')),
);

/** The sixteen bytes of an address by Node's own parser: its text, written out. */
function groupsOf(text: string): number[] {
  const canonical = new SocketAddress({ address: text, family: 'ipv6' }).address;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(canonical);
  const plain =
    dotted === null
      ? canonical
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`;
  const [left = '', right] = plain.split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [head, tail] = [parse(left), parse(right ?? '')];
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

describe('sockaddr', () => {
  it('IPv4 there and back', () => {
    fc.assert(
      fc.property(ipv4, port, (host, number) => {
        const bytes = encodeSockaddr(host, number);
        expect(bytes.length).toBe(16);
        expect(new DataView(bytes.buffer).getUint16(0, true)).toBe(AF_INET);
        expect(Array.from(bytes.subarray(2, 4))).toEqual([number >> 8, number & 0xff]);
        expect(Array.from(bytes.subarray(8))).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
        expect(decodeSockaddr(bytes)).toEqual({ host, port: number });
      }),
    );
  });

  it('IPv6 in every form', () => {
    fc.assert(
      fc.property(ipv6, port, (host, number) => {
        fc.pre(isIPv6(host));
        const bytes = encodeSockaddr(host, number);
        expect(bytes.length).toBe(SOCKADDR_SIZE);
        const view = new DataView(bytes.buffer);
        expect(view.getUint16(0, true)).toBe(AF_INET6);
        expect(view.getUint16(2)).toBe(number);
        expect(Array.from({ length: 8 }, (_, index) => view.getUint16(8 + 2 * index))).toEqual(groupsOf(host));
        expect(view.getUint32(24, true)).toBe(0);
        const back = decodeSockaddr(bytes);
        expect(back.port).toBe(number);
        // A mapped address reads as the IPv4 address that it is.
        if (!back.host.includes(':')) expect(groupsOf(`::ffff:${back.host}`)).toEqual(groupsOf(host));
        else expect(groupsOf(back.host)).toEqual(groupsOf(host));
      }),
      { numRuns: 500 },
    );
  });

  it('texts as RFC 5952 has them', () => {
    for (const [given, text] of [
      ['::', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['0:0:1:0:0:0:0:1', '0:0:1::1'],
      ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
      ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
      ['FE80::ABCD', 'fe80::abcd'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::192.0.2.1', '::c000:201'],
    ] as const) {
      expect(decodeSockaddr(encodeSockaddr(given, 80)).host).toBe(text);
    }
  });

  it('refuses what is no address', () => {
    for (const host of ['', 'localhost', '1.2.3', '1.2.3.4.5', '256.1.1.1', '::g', '[::1]', '1.2.3.4 ']) {
      expect(() => encodeSockaddr(host, 80), host).toThrow('Address family not supported');
    }
  });

  it('does not make up an address of another family', () => {
    expect(decodeSockaddr(new Uint8Array(SOCKADDR_SIZE))).toEqual({ host: '', port: 0 });
  });
});

/** Interfaces are the system's to tell. */
let knowsInterfaces = true;
try {
  loadLibc();
} catch {
  knowsInterfaces = false;
  console.warn('SKIPPED zones of addresses: koffi is not installed');
}

describe.runIf(knowsInterfaces)('the zone of an address', () => {
  it('is read by name and by number, and told by name', () => {
    // Linux numbers the loopback interface first.
    for (const zone of ['lo', '1']) {
      const bytes = encodeSockaddr(`fe80::1%${zone}`, 25);
      expect(new DataView(bytes.buffer).getUint32(24, true)).toBe(1);
      expect(decodeSockaddr(bytes)).toEqual({ host: 'fe80::1%lo', port: 25 });
    }
  });

  it('is refused by name where it is no interface', () => {
    for (const zone of ['nosuch', '0', '987654321', '99999999999', '-1']) {
      expect(() => encodeSockaddr(`fe80::1%${zone}`, 25)).toThrow(
        `zone ${zone} of address fe80::1%${zone}: No such device`,
      );
    }
  });

  it('stays a number where the interface has gone', () => {
    const bytes = encodeSockaddr('fe80::1%lo', 25);
    new DataView(bytes.buffer).setUint32(24, 987_654_321, true);
    expect(decodeSockaddr(bytes).host).toBe('fe80::1%987654321');
  });
});
