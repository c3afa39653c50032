/**
 * TLS from the first byte, for any service: nothing is said before the handshake, and nothing is asked after it.
 *
 *   <TLS>
 *
 * Spoken on a connection in clear, the dialect has an empty opening and an empty trigger, so that the handshake is the
 * first thing that happens. Protocols with a dialect of their own say what they have to say inside: `imaps` is IMAP.
 */
import type { Dialect } from './dialect.ts';

export const TLS: Dialect = {
  name: 'tls',
  title: 'TLS from the first byte',
  spec: 'RFC 8446, 7301',
  scheme: null,
  directScheme: 'tls',
  port: null,
  directPort: null,
  alpn: null,
  alpnOnUpgrade: false,
  redo: 'nothing; nothing was said before',
  client: {
    trigger: 'ClientHello',
    // biome-ignore lint/correctness/useYield: nothing is said
    *openOp() {
      return { greeting: '', capabilities: [], offer: 'unasked', obstacle: null, suspicion: null };
    },
    // biome-ignore lint/correctness/useYield: nothing is said
    *requestOp() {
      return { accepted: true, code: '', enhanced: null, text: '' };
    },
    // biome-ignore lint/correctness/useYield: nothing is said
    *renewOp() {
      return null;
    },
    *leaveOp() {},
    credentialsInClear: () => false,
  },
  server: {
    attacks: [],
    injection: Buffer.from('in clear\r\n', 'latin1'),
    *greetOp() {},
    *renewedOp() {},
    /** Echoes. */
    *commandOp(wire, session) {
      if (!session.encrypted) return { kind: 'upgrade', goAhead: new Uint8Array(0) };
      const chunk = yield* wire.anyOp();
      if (chunk === null) return { kind: 'closed' };
      yield* wire.sendOp(chunk);
      return { kind: 'served' };
    },
  },
};

/** A service that has TLS from the first byte and no upgrade of its own. */
export interface DirectService {
  readonly scheme: string;
  readonly title: string;
  readonly port: number;
  readonly alpn: string | null;
  readonly spec: string;
}

/** Ports and ALPN ids as IANA has them. */
export const DIRECT_SERVICES: readonly DirectService[] = [
  { scheme: 'dot', title: 'DNS over TLS', port: 853, alpn: 'dot', spec: 'RFC 7858' },
  { scheme: 'ntske', title: 'NTS key establishment', port: 4460, alpn: 'ntske/1', spec: 'RFC 8915' },
  { scheme: 'mqtts', title: 'MQTT', port: 8883, alpn: 'mqtt', spec: 'MQTT 5.0 §5' },
  { scheme: 'amqps', title: 'AMQP', port: 5671, alpn: null, spec: 'AMQP 1.0 §5.2' },
  { scheme: 'sips', title: 'SIP', port: 5061, alpn: 'sip/2', spec: 'RFC 3261, 7301' },
  { scheme: 'turns', title: 'TURN', port: 5349, alpn: 'stun.turn', spec: 'RFC 8656, 7443' },
  { scheme: 'stuns', title: 'STUN', port: 5349, alpn: 'stun.nat-discovery', spec: 'RFC 8489, 7443' },
  { scheme: 'syslog-tls', title: 'Syslog', port: 6514, alpn: null, spec: 'RFC 5425' },
  { scheme: 'epps', title: 'EPP', port: 700, alpn: null, spec: 'RFC 5734' },
  { scheme: 'rediss', title: 'Redis', port: 6379, alpn: null, spec: 'Redis TLS' },
  { scheme: 'tds', title: 'TDS 8.0', port: 1433, alpn: 'tds/8.0', spec: 'MS-TDS' },
];
