// What a check comes down to: verdicts, what may be attacked and certificates as they are shown.
import { describe, expect, it } from 'vitest';
import { constructed, ENUMERATED, integer, OCTET_STRING, primitive, SEQUENCE } from '../../src/core/ber.ts';
import { mayInject } from '../../src/starttls/check.ts';
import type { InjectionResult } from '../../src/starttls/command-injection.ts';
import { DIALECTS } from '../../src/starttls/dialects.ts';
import { INJECTION_PROBES } from '../../src/starttls/injection-probes.ts';
import { message, messageOf, SEARCH_DONE, SEARCH_ENTRY, SEARCH_REQUEST } from '../../src/starttls/ldap-message.ts';
import type { Negotiation, Outcome } from '../../src/starttls/negotiation.ts';
import { firstToExpire, VERDICTS, type Verdict, verdictOf, worstOf } from '../../src/starttls/verdict.ts';
import { describeChain } from '../../src/tls/certificate.ts';
import { negotiationOf } from '../support/negotiation.ts';
import { makePki } from '../support/pki.ts';

describe('verdicts', () => {
  const OUTCOMES: readonly (readonly [Outcome, Verdict, number])[] = [
    ['upgraded', 'good', 0],
    ['direct', 'good', 0],
    ['clear', 'plaintext-only', 11],
    ['notOffered', 'not-offered', 12],
    ['refused', 'refused', 13],
    ['preauth', 'preauth', 14],
    ['wrongMode', 'wrong-mode', 15],
    ['timeout', 'timeout', 16],
    ['unreachable', 'unreachable', 17],
    ['handshake', 'failed', 18],
    ['closed', 'failed', 18],
    ['malformed', 'failed', 18],
    ['unverified', 'unverified', 19],
    ['strippedSuspected', 'stripped', 20],
    ['injected', 'injected', 21],
  ];
  it.each(OUTCOMES)('%s is %s, exit status %i', (outcome, verdict, exit) => {
    const result = negotiationOf({ outcome });
    expect(verdictOf({ result, wrongMode: false, injections: [] }, 14)).toBe(verdict);
    expect(VERDICTS[verdict].exit).toBe(exit);
  });

  it('say what a second try, and the injection test, have shown', () => {
    const timeout = negotiationOf({ outcome: 'timeout' });
    expect(verdictOf({ result: timeout, wrongMode: true, injections: [] }, 14)).toBe('wrong-mode');
    const upgraded = negotiationOf({ outcome: 'upgraded' });
    const found = (...injections: readonly InjectionResult[]) =>
      verdictOf({ result: upgraded, wrongMode: false, injections }, 14);
    expect(found('dropped', 'executed', 'unclear')).toBe('injectable');
    expect(found('dropped', 'unclear', 'refused')).toBe('unclear');
    expect(found('dropped', 'refused')).toBe('good');
    expect(VERDICTS.unclear.exit).toBe(9);
  });

  it('look at the whole chain for what expires first', () => {
    const certificate = { issuer: '', names: [], validFrom: '', validTo: '', fingerprint256: '' };
    const chain: Negotiation['chain'] = [
      { ...certificate, subject: 'CN=own', daysLeft: 90 },
      { ...certificate, subject: 'CN=issuer', daysLeft: 13.9 },
    ];
    const result = negotiationOf({ outcome: 'upgraded', chain });
    expect(firstToExpire(result)?.subject).toBe('CN=issuer');
    expect(verdictOf({ result, wrongMode: false, injections: [] }, 14)).toBe('expires-soon');
    expect(verdictOf({ result, wrongMode: false, injections: [] }, 13)).toBe('good');
    expect(firstToExpire(negotiationOf({ outcome: 'clear' }))).toBeNull();
  });

  it('count what has expired, and nobody checked, as what expires within any number of days', () => {
    const certificate = { issuer: '', names: [], validFrom: '', validTo: '', fingerprint256: '', subject: 'CN=own' };
    const result = negotiationOf({ outcome: 'upgraded', chain: [{ ...certificate, daysLeft: -1.1 }] });
    for (const days of [0, 14]) {
      expect(verdictOf({ result, wrongMode: false, injections: [] }, days)).toBe('expires-soon');
    }
    expect(VERDICTS['expires-soon'].meaning).toMatch(/or has expired$/);
  });

  it('are ordered from best to worst, each with an exit status of its own', () => {
    const exits = Object.values(VERDICTS).map(({ exit }) => exit);
    expect(exits).toEqual([...new Set(exits)].sort((left, right) => left - right));
    // 1 to 3 and 141 are those of the whole command.
    expect(exits.filter((exit) => (exit > 0 && exit < 4) || exit > 127)).toEqual([]);
    expect(worstOf([])).toBe('good');
    expect(worstOf(['good', 'unverified', 'timeout'])).toBe('unverified');
  });
});

describe('the injection test', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['128.0.0.1', false],
    ['10.127.0.1', false],
    ['2001:db8::1', false],
    ['', false],
  ])('against %s: %s', (address, allowed) => {
    expect(mayInject(address, 'mx.example', [])).toBe(allowed);
    expect(mayInject(address, 'mx.example', ['example', 'other.example'])).toBe(allowed);
    expect(mayInject(address, 'MX.example', ['mx.EXAMPLE'])).toBe(true);
  });

  it('knows for each dialect what to inject, or that there is nothing', () => {
    expect(DIALECTS.map(({ name }) => name).filter((name) => !Object.hasOwn(INJECTION_PROBES, name))).toEqual([]);
  });

  it('injects messages that are whole, and halves that are the beginning of them', () => {
    const parties = { host: "o'brien<&.example", self: 'client.example' };
    for (const [name, probe] of Object.entries(INJECTION_PROBES)) {
      if (probe === null) continue;
      const command = Buffer.from(probe.command(parties));
      const half = probe.half(parties);
      if (half !== null) {
        expect(half.length, name).toBeLessThan(command.length);
        expect(command.subarray(0, half.length).equals(half), name).toBe(true);
      }
      expect(command.toString('latin1'), name).not.toContain("o'brien");
    }
  });

  const ANSWERS: readonly (readonly [string, string, readonly string[]])[] = [
    ['smtp', '250-mx\r\n250 SIZE\r\n221\r\n221 by', ['250', '221']],
    ['ftp', '211-Features:\r\n AUTH TLS\r\n211 End\r\n', ['211']],
    ['nntp', '111 20260101000000\n205 bye\r\n', ['111', '205']],
    ['pop3', '+OK\r\nTOP\r\n.\r\n-ERR what?\r\n', ['+OK', '-ERR']],
    ['imap', '* OK hi\r\ntcpx1 ok done\r\n* BYE\r\n* BAD what?\r\n', ['TCPX1 OK', '* BAD']],
    ['sieve', '"SASL" ""\r\nOK\r\nNO (X) "OK"\r\nBYE "x"\r\n', ['OK', 'NO', 'BYE']],
    [
      'irc',
      ':irc NOTICE * :x\r\nPING :y\r\n:irc PONG irc :tcpx1\r\n:irc 451 * :x\r\nERROR :x\r\n',
      ['PONG', '451', 'ERROR'],
    ],
    [
      'xmpp',
      "<?xml version='1.0'?><stream:stream id='1'><stream:features><sm/></stream:features></stream:stream",
      ['stream', 'features', '/features'],
    ],
    ['postgres', 'R\0\0\0\x08\0\0\0\0E\0\0\0\x13SFATAL\0C08P01\0\0Z\0\0\0\x05', ['R', 'E08P01']],
    ['http', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', ['200']],
  ];
  it.each(ANSWERS)('tells the answers of %s: %j', (name, said, answers) => {
    expect(INJECTION_PROBES[name]?.answers(said)).toEqual(answers);
  });

  it('tells the answers of LDAP by their numbers', () => {
    const entry = message(3, constructed(SEARCH_ENTRY, primitive(OCTET_STRING, ''), constructed(SEQUENCE)));
    const done = message(99, constructed(SEARCH_DONE, integer(0, ENUMERATED)));
    const said = Buffer.concat([entry, done]).toString('latin1');
    expect(INJECTION_PROBES.ldap?.answers(said)).toEqual(['3d', '99e']);
  });

  it('injects half a message of LDAP that the question completes', () => {
    const probe = INJECTION_PROBES.ldap;
    const parties = { host: 'a', self: 'b' };
    const glued = Buffer.concat(
      [probe?.half(parties) ?? [], probe?.question(parties) ?? []].map((part) => Buffer.from(part)),
    );
    expect(messageOf(glued)).toMatchObject({ id: 99, operation: { tag: SEARCH_REQUEST } });
  });
});

describe('certificates', () => {
  it('are described in the order of the chain', async () => {
    const { chained } = await makePki();
    const ders = chained.cert
      .split(/(?<=-----END CERTIFICATE-----)/)
      .filter((pem) => pem.includes('BEGIN'))
      .map((pem) => Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64'));
    const [own, issuer] = describeChain(ders, Date.now());
    expect(own).toMatchObject({
      subject: 'CN=localhost',
      issuer: 'CN=tcpx test intermediate',
      names: ['localhost', '127.0.0.1', '::1'],
      validTo: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
    });
    expect(own?.daysLeft).toBeGreaterThan(0);
    expect(own?.daysLeft).toBeLessThan(1);
    expect(issuer).toMatchObject({ subject: 'CN=tcpx test intermediate', names: [] });
    const end = Date.parse(own?.validTo ?? '');
    expect(describeChain(ders, end - 2.58 * 86_400_000)[0]?.daysLeft).toBe(2.5);
    expect(describeChain(ders, end + 1)[0]?.daysLeft).toBe(-0.1);
  });

  it('that cannot be read are left out', () => {
    expect(describeChain([Buffer.from('3003020101', 'hex'), Buffer.alloc(0)])).toEqual([]);
  });
});
