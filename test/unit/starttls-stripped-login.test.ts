// Credentials in clear: an honest server refuses them, one that strips the offer takes them and tells.
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import type { Op } from '../../src/core/op.ts';
import { runSync, sleeper } from '../../src/core/run.ts';
import type { Channel } from '../../src/starttls/channel.ts';
import type { Attack } from '../../src/starttls/dialect.ts';
import { dialectNamed } from '../../src/starttls/dialects.ts';
import { type ServiceStep, serveOp } from '../../src/starttls/serve.ts';
import { Wire } from '../../src/starttls/wire.ts';
import type { TlsInfo } from '../../src/tls/info.ts';

/** Says what it is given, and leaves. */
class Speaker implements Channel {
  readonly tls: TlsInfo | null = null;
  heard = '';
  #left: Buffer;

  constructor(said: string) {
    this.#left = Buffer.from(said, 'latin1');
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *receiveOp(_until: Deadline, most: number = Number.POSITIVE_INFINITY): Op<Uint8Array | 'timeout'> {
    const part = this.#left.subarray(0, most);
    this.#left = this.#left.subarray(part.length);
    return part;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *helloOp(): Op<boolean | 'timeout'> {
    return false;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *sendOp(bytes: Uint8Array): Op<'sent' | 'timeout'> {
    this.heard += Buffer.from(bytes).toString('latin1');
    return 'sent';
  }

  // biome-ignore lint/correctness/useYield: nobody asks for it
  *upgradeOp(): Op<TlsInfo> {
    throw new Error('nobody asked for TLS');
  }

  *closeOp(): Op<void> {}
}

function serve(name: string, said: string, attack: Attack | null) {
  const channel = new Speaker(said);
  const steps: ServiceStep[] = [];
  const wire = new Wire(channel, { until: Deadline.after(30_000), role: 'server' });
  runSync(
    serveOp(dialectNamed(name), wire, { host: 'mx.example', attack, observer: (step) => steps.push(step) }),
    sleeper,
  );
  return { heard: channel.heard, logins: steps.filter(({ kind }) => kind === 'login') };
}

const STREAM =
  "<stream:stream to='x' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>";

/** A login in clear, what an honest server says to it, and what one that lies. */
const LOGINS = [
  ['smtp', 'EHLO c\r\nAUTH PLAIN AGEAYg==\r\n', /^538 /m, /^235 /m],
  ['lmtp', 'LHLO c\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\n', /^538 /m, /^235 /m],
  ['imap', 'a LOGIN ann sesame\r\n', /^a NO \[PRIVACYREQUIRED\]/m, /^a OK /m],
  ['imap', 'a AUTHENTICATE PLAIN\r\nAGEAYg==\r\n', /^a NO \[PRIVACYREQUIRED\]/m, /^a OK /m],
  ['pop3', 'USER ann\r\nPASS sesame\r\n', /^-ERR \[AUTH\] TLS first/m, /^\+OK welcome/m],
  ['sieve', 'AUTHENTICATE "PLAIN" "AGEAYg=="\r\n', /^NO \(ENCRYPT-NEEDED\)/m, /^OK(?! "ready")/m],
  ['nntp', 'AUTHINFO USER ann\r\nAUTHINFO PASS sesame\r\n', /^483 /m, /^281 /m],
  ['irc', 'AUTHENTICATE PLAIN\r\nAUTHENTICATE AGEAYg==\r\n', / 904 /, / 903 /],
  ['irc', 'PASS sesame\r\n', / 464 /, /^(?!.* 464 )/s],
  ['ftp', 'USER ann\r\nPASS sesame\r\n', /^530 /m, /^230 /m],
  ['xmpp', `${STREAM}${AUTH}`, /<encryption-required\/>/, /<success /],
  ['ldap', '\x30\x0e\x02\x01\x01\x60\x09\x02\x01\x03\x04\x00\x80\x02pw', /TLS first/, /^0(?![\s\S]*TLS first)/],
] as const;

describe.each(LOGINS)('%s, %j', (name, said, refused, taken) => {
  it('is refused by an honest server', () => {
    const { heard, logins } = serve(name, said, null);
    expect(heard).toMatch(refused);
    expect(logins).toEqual([]);
  });

  it.each(dialectNamed(name).server.attacks.filter((attack) => /^(?:omit|rename|refuse)$/.test(attack)))(
    'is taken under %s, and told',
    (attack) => {
      const { heard, logins } = serve(name, said, attack);
      expect(heard).toMatch(taken);
      expect(logins).toEqual([{ kind: 'login', encrypted: false }]);
    },
  );
});

it.each([
  ['smtp', 'EHLO c\r\n', /^250[ -]AUTH PLAIN/m],
  ['imap', 'a CAPABILITY\r\n', /^\* CAPABILITY .*AUTH=PLAIN/m],
  ['pop3', 'CAPA\r\n', /^USER\r\nSASL PLAIN\r$/m],
  ['sieve', 'CAPABILITY\r\n', /^"SASL" "PLAIN"\r$/m],
  ['nntp', 'CAPABILITIES\r\n', /^AUTHINFO USER\r$/m],
  ['irc', 'CAP LS 302\r\n', / sasl=PLAIN/],
  ['xmpp', STREAM, /<mechanism>PLAIN<\/mechanism>/],
] as const)(
  '%s offers a login in clear to those whom it does not offer TLS, and to nobody else',
  (name, said, offer) => {
    expect(serve(name, said, 'omit').heard).toMatch(offer);
    expect(serve(name, said, null).heard).not.toMatch(offer);
  },
);
