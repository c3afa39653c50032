import { ProtocolError } from '../core/errors.ts';
import type { TlsRole } from './endpoint.ts';

/**
 * Plaintext was waiting when TLS should have started. For a client every such byte is an attack or a broken peer;
 * for a server it is a client that did not wait for the go-ahead.
 */
export class StrayBytesError extends ProtocolError {
  readonly count: number;
  /** The first of them, for a trace; never for the encrypted session. */
  readonly head: Uint8Array;

  constructor(count: number, head: Uint8Array) {
    super(
      `${count} ${count === 1 ? 'byte' : 'bytes'} of plaintext received ahead of the TLS handshake; ` +
        'the upgrade was refused and nothing was carried over',
    );
    this.count = count;
    this.head = head;
  }
}

/*
 * TLSPlaintext (RFC 8446 §5.1):  type 22 | version 3 | version 0..4 | length 2 | msg_type 1 = ClientHello
 */
const HANDSHAKE_RECORD: readonly ((byte: number) => boolean)[] = [
  (byte) => byte === 22,
  (byte) => byte === 3,
  (byte) => byte <= 4,
  () => true,
  () => true,
  (byte) => byte === 1,
];

/** True when the bytes can be the start of a record that holds a ClientHello. */
export function startsClientHello(head: Uint8Array): boolean {
  return HANDSHAKE_RECORD.every((fits, index) => {
    const byte = head[index];
    return byte === undefined || fits(byte);
  });
}

/** How many bytes {@link startsClientHello} looks at. */
export const CLIENT_HELLO_HEAD: number = HANDSHAKE_RECORD.length;

/** What stands in the way of an upgrade when `count` bytes are unread, `head` being the first of them. */
export function strayBytes(role: TlsRole, count: number, head: Uint8Array): { count: number; head: Uint8Array } {
  const welcome = role === 'server' && startsClientHello(head);
  return { count: welcome ? 0 : count, head };
}
