import { describe, expect, it } from 'vitest';
import {
  type BerValue,
  constructed,
  ENUMERATED,
  integer,
  OCTET_STRING,
  primitive,
  SEQUENCE,
  SET,
} from '../../src/core/ber.ts';
import { LDAP } from '../../src/starttls/ldap.ts';
import { message } from '../../src/starttls/ldap-message.ts';
import { hexLine, play, playServer } from '../support/dialect-play.ts';
import { clientVectors, serverVectors } from '../support/dialect-vectors.ts';
import { readTranscript, type Turn } from '../support/transcript.ts';

const START_TLS = '1.3.6.1.4.1.1466.20037';
const DISCONNECTION = '1.3.6.1.4.1.1466.20036';

/** The bytes of one side of a fixture, in the order in which they are said. */
function saidIn(fixture: string, from: 'client' | 'server'): Buffer[] {
  const isBytes = (turn: Turn) => turn.kind === 'bytes' && turn.from === from;
  return readTranscript(fixture)
    .filter(isBytes)
    .map((turn) => (turn.kind === 'bytes' ? turn.bytes : Buffer.alloc(0)));
}

const [ask = Buffer.alloc(0), trigger = Buffer.alloc(0), again = Buffer.alloc(0)] = saidIn('ldap-upgrade', 'client');
const [told = Buffer.alloc(0)] = saidIn('ldap-upgrade', 'server');
const ASK = hexLine('C', ask);
const TRIGGER = hexLine('C', trigger);
const TOLD = hexLine('S', told);
const OPENING = `${ASK}${TOLD}${TRIGGER}`;

const says = (id: number, operation: BerValue): string => hexLine('S', message(id, operation));
const asks = (id: number, operation: BerValue): string => hexLine('C', message(id, operation));

function result(tag: number, code: number, diagnostic = '', ...more: readonly BerValue[]): BerValue {
  return constructed(
    tag,
    integer(code, ENUMERATED),
    primitive(OCTET_STRING, ''),
    primitive(OCTET_STRING, diagnostic),
    ...more,
  );
}

const SEARCH_DONE = 0x65;
const EXTENDED_RESPONSE = 0x78;

function entry(...attributes: readonly (readonly [string, readonly string[]])[]): BerValue {
  const items = attributes.map(([name, values]) =>
    constructed(
      SEQUENCE,
      primitive(OCTET_STRING, name),
      constructed(SET, ...values.map((value) => primitive(OCTET_STRING, value))),
    ),
  );
  return constructed(0x64, primitive(OCTET_STRING, ''), constructed(SEQUENCE, ...items));
}

const found = (id: number, ...attributes: readonly (readonly [string, readonly string[]])[]): string =>
  `${says(id, entry(...attributes))}${says(id, result(SEARCH_DONE, 0))}`;

const extended = (code: number, diagnostic = '', ...more: readonly BerValue[]): string =>
  says(2, result(EXTENDED_RESPONSE, code, diagnostic, ...more));

const NOTICE = says(0, result(EXTENDED_RESPONSE, 52, 'going down', primitive(0x8a, DISCONNECTION)));

clientVectors(LDAP, {
  upgrades: [
    [
      'ldap-upgrade',
      {
        greeting: '',
        preTlsCapabilities: [
          `supportedExtension: ${START_TLS}`,
          'supportedExtension: 1.3.6.1.4.1.4203.1.11.1',
          'supportedExtension: 1.3.6.1.4.1.4203.1.11.3',
          'supportedLDAPVersion: 3',
          'supportedSASLMechanisms: SCRAM-SHA-256',
          'supportedSASLMechanisms: DIGEST-MD5',
        ],
        postTlsCapabilities: expect.arrayContaining(['supportedSASLMechanisms: PLAIN']),
        trigger: 'StartTLS',
        reply: { accepted: true, code: '0', enhanced: null, text: 'success' },
        stateReset: ['capabilities'],
        credentialsInClear: null,
        roundTrips: 3,
      },
    ],
    ['ldap-long-lengths', { reply: { accepted: true, code: '0', enhanced: null, text: 'success: ready' } }],
  ],
  opening: OPENING,
  go: extended(0),
  renewal: `${hexLine('C', again)}${found(3, ['supportedSASLMechanisms', ['PLAIN']])}`,
  renewed: ['supportedSASLMechanisms: PLAIN'],
  leave: 'C: hex: 30 05 02 01 04 42 00\n',
  missing: [
    ['another extension', `${ASK}${found(1, ['supportedExtension', ['1.3.6.1.1.8']])}`, 'notOffered'],
    ['a longer number', `${ASK}${found(1, ['SUPPORTEDEXTENSION', [`${START_TLS}0`]])}`, 'strippedSuspected'],
    ['an overwritten number', `${ASK}${found(1, ['supportedExtension', ['XXXXXXXX']])}`, 'strippedSuspected'],
  ],
  refusals: [
    ['protocolError', extended(2, 'unsupported extended operation'), '2'],
    ['confidentialityRequired', extended(13), '13'],
    ['busy', extended(51), '51'],
    ['unavailable', extended(52), '52'],
    ['a code that nobody knows', extended(4711), '4711'],
    ['a referral', extended(10, '', constructed(0xa3, primitive(OCTET_STRING, 'ldap://evil.example'))), '10'],
  ],
  finalRefusals: [],
  injections: [
    ['the answer to what is asked inside TLS', found(3, ['supportedSASLMechanisms', ['PLAIN']]).replaceAll('S:', 'S!')],
    ['half of it', 'S! hex: 30 0c 02 01 03 65\n'],
  ],
  failures: [
    ['a notice of disconnection', `${ASK}${NOTICE}`, 'closed'],
    ['a notice of disconnection behind the trigger', `${OPENING}${NOTICE}`, 'closed'],
    ['an answer to another request', `${ASK}${says(7, result(SEARCH_DONE, 0))}`, 'malformed'],
    ['an answer to nothing', `${OPENING}${says(0, result(EXTENDED_RESPONSE, 0))}`, 'malformed'],
    ['an answer of another kind', `${OPENING}${says(2, result(0x61, 0))}`, 'malformed'],
    ['a success for another operation', `${OPENING}${extended(0, '', primitive(0x8a, '1.2.3'))}`, 'malformed'],
    ['entries without end', `${ASK}${says(1, entry()).repeat(101)}`, 'malformed'],
    ['a result without a code', `${OPENING}${says(2, constructed(EXTENDED_RESPONSE))}`, 'malformed'],
    ['a negative code', `${OPENING}S: hex: 300c 020102 7807 0a01ff 0400 0400\n`, 'malformed'],
    ['a length without a number', `${ASK}S: hex: 30 80 020101 6507 0a0100 0400 0400 0000\n`, 'malformed'],
    ['a length without a number inside', `${ASK}S: hex: 300e 020101 6580 0a0100 0400 0400 0000\n`, 'malformed'],
    ['a length of five octets', `${ASK}S: hex: 30 85 0000000001 00\n`, 'malformed'],
    ['a length beyond reason', `${ASK}S: hex: 30 84 7fffffff 0201\n`, 'malformed'],
    ['a length that the content does not fill', `${ASK}S: hex: 3006 020101 6505 00\n`, 'malformed'],
    ['values in one another without end', `${ASK}S: hex: 3082 00c8 ${'3080'.repeat(100)}\n`, 'malformed'],
    ['a message without operation', `${ASK}S: hex: 3003 020101\n`, 'malformed'],
    ['a message of another protocol', `${ASK}S: HTTP/1.1 400 Bad Request⏎\n`, 'malformed'],
    ['a TLS alert', `${ASK}S: hex: 15 0303 0002 0246\n`, 'wrongMode'],
    ['silence', ASK, 'timeout'],
    ['an end at once', `${ASK}<END>\n`, 'closed'],
    ['an end in the middle', `${ASK}S: hex: 300c 0201\n<END>\n`, 'closed'],
  ],
});

describe('LDAP as a client', () => {
  it.each([
    ['does not let anybody search', says(1, result(SEARCH_DONE, 50))],
    ['does not show its extensions', found(1, ['supportedLDAPVersion', ['3']])],
    [
      'refers to others',
      `${says(1, constructed(0x73, primitive(OCTET_STRING, 'ldap://evil.example')))}${says(1, result(SEARCH_DONE, 0))}`,
    ],
  ])('asks a server that %s all the same', (_name, answer) => {
    const { result: outcome } = play(LDAP, `${ASK}${answer}${TRIGGER}${extended(0)}<TLS>\n`, { renew: false });
    expect(outcome.outcome).toBe('upgraded');
  });

  const triggerAs = (id: number) => asks(id, constructed(0x77, primitive(0x80, START_TLS)));
  const busyWith = (id: number) => says(id, result(EXTENDED_RESPONSE, 1, 'operations are outstanding'));

  it('asks again a server that has not counted the search as done', () => {
    const again = `${triggerAs(5)}${busyWith(5)}${triggerAs(6)}${says(6, result(EXTENDED_RESPONSE, 0))}<TLS>\n`;
    const { result: outcome } = play(LDAP, `${OPENING}${busyWith(2)}${again}`, { renew: false });
    expect(outcome).toMatchObject({ outcome: 'upgraded', reply: { code: '0' } });
  });

  it('gives up on one that says so for ever', () => {
    const again = [5, 6, 7].map((id) => `${triggerAs(id)}${busyWith(id)}`).join('');
    const { channel, result: outcome } = play(LDAP, `${OPENING}${busyWith(2)}${again}C: hex: 30 05 02 01 04 42 00\n`);
    expect(outcome).toMatchObject({ outcome: 'refused', reply: { code: '1' } });
    expect(channel.finished).toBe(true);
  });

  it('tells that nobody can log in in clear where the server says so', () => {
    const refused = says(1, result(SEARCH_DONE, 13, 'TLS first'));
    const { result: outcome } = play(LDAP, `${ASK}${refused}${TRIGGER}${extended(0)}<TLS>\n`, { renew: false });
    expect(outcome).toMatchObject({
      credentialsInClear: false,
      preTlsCapabilities: ['resultCode: 13 confidentialityRequired'],
    });
  });

  it('does not show where a referral leads', () => {
    const referral = extended(10, '', constructed(0xa3, primitive(OCTET_STRING, 'ldap://evil.example')));
    const { result: outcome } = play(LDAP, `${OPENING}${referral}C: hex: 30 05 02 01 04 42 00\n`);
    expect(JSON.stringify(outcome)).not.toContain('evil.example');
  });

  it('asks first inside direct TLS', () => {
    const { result: outcome } = play(LDAP, `${ASK}${found(1, ['supportedLDAPVersion', ['3']])}`, { encrypted: true });
    expect(outcome).toMatchObject({ outcome: 'direct', postTlsCapabilities: ['supportedLDAPVersion: 3'] });
  });

  it('tells people what passed', () => {
    const { exchanges } = play(LDAP, readTranscript('ldap-upgrade'));
    expect(exchanges.map(({ from, bytes }) => LDAP.describe?.(from, bytes))).toEqual([
      '[1] searchRequest',
      '[1] searchResultEntry',
      '[1] searchResultDone 0 success',
      '[2] extendedRequest StartTLS',
      '[2] extendedResponse 0 success',
      '[3] searchRequest',
      '[3] searchResultEntry',
      '[3] searchResultDone 0 success',
    ]);
    expect(LDAP.describe?.('server', Buffer.from('what'))).toMatch(/^4 bytes/);
  });
});

const bind = (id: number, version = 3, proof = primitive(0x80, 'secret')): string =>
  asks(id, constructed(0x60, integer(version), primitive(OCTET_STRING, 'cn=me'), proof));
const GO = says(2, result(EXTENDED_RESPONSE, 0, '', primitive(0x8a, START_TLS)));
const UNBIND = 'C: hex: 30 05 02 01 04 42 00\n';
const WHO = asks(5, constructed(0x77, primitive(0x80, '1.3.6.1.4.1.4203.1.11.3')));
const ENCRYPTED = `${TRIGGER}${GO}<TLS>\n`;

/** A search for `base`, all attributes, in one level or below. */
const search = (id: number, base: string): string =>
  asks(
    id,
    constructed(
      0x63,
      primitive(OCTET_STRING, base),
      integer(2, ENUMERATED),
      integer(0, ENUMERATED),
      integer(0),
      integer(0),
      primitive(0x01, Buffer.alloc(1)),
      primitive(0x87, 'objectClass'),
      constructed(SEQUENCE),
    ),
  );

serverVectors(LDAP, {
  whole: [
    [
      'ldapsearch -ZZ',
      `${ENCRYPTED}${bind(3)}${says(3, result(0x61, 0))}${search(4, 'dc=example')}S~ .*there is a root DSE and nothing else\n${UNBIND}`,
    ],
    [
      'a client that looks before and after',
      `${ASK}S~ .*${START_TLS.replaceAll('.', '\\.')}.*\n${says(1, result(SEARCH_DONE, 0))}${ENCRYPTED}${hexLine('C', again)}S~ (?!.*${START_TLS.replaceAll('.', '\\.')}).*EXTERNAL.*\n${says(3, result(SEARCH_DONE, 0))}${UNBIND}`,
    ],
  ],
  opening: '',
  trigger: TRIGGER,
  go: GO,
  injections: [
    ['a whole message', bind(3).replace('C:', 'C!')],
    ['half a message', 'C! hex: 30 1a 02 01 03\n'],
  ],
  afresh: `${WHO}${says(5, result(EXTENDED_RESPONSE, 0))}`,
  exchanges: [
    ['lets nobody log in in clear', `${bind(1)}${says(1, result(0x61, 13, 'TLS first'))}`],
    ['lets nobody search in clear', `${search(1, 'dc=example')}${says(1, result(SEARCH_DONE, 13, 'TLS first'))}`],
    [
      'lets nobody change anything',
      `${asks(1, constructed(0x66))}${says(1, result(0x67, 13, 'TLS first'))}${ENCRYPTED}${asks(3, primitive(0x4a, 'dc=x'))}${says(3, result(0x6b, 53))}`,
    ],
    [
      'refuses StartTLS inside TLS',
      `${ENCRYPTED}${TRIGGER}${says(2, result(EXTENDED_RESPONSE, 1, 'TLS is active already'))}`,
    ],
    [
      'refuses StartTLS with a value',
      `${asks(2, constructed(0x77, primitive(0x80, START_TLS), primitive(0x81, 'x')))}${says(2, result(EXTENDED_RESPONSE, 2, 'StartTLS takes no value'))}`,
    ],
    [
      'knows no other extended operation',
      `${asks(9, constructed(0x77, primitive(0x80, '1.2.3')))}${says(9, result(EXTENDED_RESPONSE, 2, 'no such extended operation'))}`,
    ],
    [
      'says nothing to an abandoned request',
      `${asks(9, primitive(0x50, Buffer.from([1])))}${bind(2)}${says(2, result(0x61, 13, 'TLS first'))}`,
    ],
    ['wants version 3', `${ENCRYPTED}${bind(3, 2)}${says(3, result(0x61, 2, 'version 3 is spoken here'))}`],
    [
      'wants a simple bind',
      `${ENCRYPTED}${bind(3, 3, constructed(0xa3, primitive(OCTET_STRING, 'EXTERNAL')))}${says(3, result(0x61, 7, 'simple binds are taken here'))}`,
    ],
  ],
  malformed: [
    ['an operation of a server', `${asks(1, result(SEARCH_DONE, 0))}S~ .*no such operation.*\n`],
    ['bytes that are no BER', 'C: hex: 3003 020501\nS~ .*not valid BER.*\n'],
    ['an endless message', 'C: hex: 30 84 7fffffff\nS~ .*2147483647 bytes.*\n'],
    ['a message of another protocol', 'C: EH\nS~ .*begins with byte 69.*\n'],
  ],
});

describe('LDAP as a server', () => {
  it('keeps passwords out of traces', () => {
    const { exchanges } = playServer(LDAP, `${bind(1)}${says(1, result(0x61, 13, 'TLS first'))}<END>\n`);
    expect(exchanges.map(({ from, secret }) => [from, secret])).toEqual([
      ['client', true],
      ['server', false],
    ]);
  });

  it('plays what an attacker would have shown in clear', () => {
    const { exchanges } = playServer(LDAP, `${ASK}S~ .*PLAIN.*\n${says(1, result(SEARCH_DONE, 0))}<END>\n`, {
      attack: 'tamper',
    });
    expect(exchanges).toHaveLength(3);
  });
});
