import { describe, expect, it } from 'vitest';
import { POSTGRES } from '../../src/starttls/postgres.ts';
import { play, playServer } from '../support/dialect-play.ts';
import { clientVectors, serverVectors } from '../support/dialect-vectors.ts';

const ASKED = 'C: hex: 00000008 04d2162f\n';

clientVectors(POSTGRES, {
  upgrades: [
    [
      'postgres-upgrade',
      {
        greeting: '',
        preTlsCapabilities: [],
        postTlsCapabilities: null,
        trigger: 'SSLRequest',
        reply: { accepted: true, code: 'S', enhanced: null, text: '' },
        stateReset: [],
        credentialsInClear: null,
        roundTrips: 1,
      },
    ],
  ],
  opening: ASKED,
  go: 'S: S\n',
  renewal: '',
  renewed: null,
  leave: '',
  missing: [],
  refusals: [['N', 'S: N\n', 'N']],
  finalRefusals: [['an error', 'S: ESFATAL\\x00C0A000\\x00Munsupported frontend protocol\\x00\\x00\n', 'E']],
  injections: [
    ['an answer to what comes inside TLS', 'S! R\\x00\\x00\\x00\\x08\\x00\\x00\\x00\\x00Z\\x00\\x00\\x00\\x05I\n'],
    ['half of one', 'S! R\\x00\\x00\\x00\n'],
    ['a second answer', 'S! S\n'],
  ],
  failures: [
    ['an answer of another protocol', `${ASKED}S: HTTP/1.1 400 Bad Request⏎\n`, 'malformed'],
    ['a NUL', `${ASKED}S: \\x00\n`, 'malformed'],
    ['a TLS alert in place of an answer', `${ASKED}S: hex: 15 0303 0002 0246\n`, 'wrongMode'],
    ['a TLS record in place of an answer', `${ASKED}S: hex: 16 0303\n`, 'wrongMode'],
  ],
});

describe('PostgreSQL as a client', () => {
  it('neither reads nor shows the text of an error that nobody vouches for', () => {
    const { channel, result } = play(POSTGRES, `${ASKED}S: ESFATAL\\x00Mcall this number\\x00\\x00\n`);
    expect(JSON.stringify(result)).not.toContain('call this number');
    expect(channel.next).toMatchObject({ kind: 'bytes', from: 'server' });
  });

  it('says nothing inside direct TLS: the start of a session is the program’s', () => {
    const { result } = play(POSTGRES, '', { encrypted: true });
    expect(result).toMatchObject({ outcome: 'direct', postTlsCapabilities: [] });
  });

  it('tells people what passed', () => {
    const { exchanges } = play(POSTGRES, `${ASKED}S: S\n<TLS>\n`);
    expect(exchanges.map(({ from, bytes }) => POSTGRES.describe?.(from, bytes))).toEqual(['SSLRequest', '"S"']);
  });
});

const STARTUP = 'C: \\x00\\x00\\x00\\x10\\x00\\x03\\x00\\x00user\\x00u\\x00\\x00\n';
const STARTED = 'S~ R\\0\\0\\0\\x08\\0\\0\\0\\0(?:S.*)+K.{12}Z\\0\\0\\0\\x05I\n';
const READY = 'Z\\x00\\x00\\x00\\x05I';
const QUIT = 'C: X\\x00\\x00\\x00\\x04\n';

serverVectors(POSTGRES, {
  whole: [
    [
      'a session with a query',
      `${ASKED}S: S\n<TLS>\n${STARTUP}${STARTED}C: Q\\x00\\x00\\x00\\x0dselect 1\\x00\nS~ T.*host\\0.*D.*mx.example.*C.*SELECT 1\\0Z.*I\n${QUIT}`,
    ],
    [
      'a client that asks for GSSAPI first',
      `C: hex: 00000008 04d21630\nS: N\n${ASKED}S: S\n<TLS>\n${STARTUP}${STARTED}${QUIT}`,
    ],
    [
      'a client of a newer minor version, with an option that is not known',
      `${ASKED}S: S\n<TLS>\nC: \\x00\\x00\\x00\\x12\\x00\\x03\\x00\\x02_pq_.x\\x00y\\x00\\x00\nS~ v\\0\\0\\0\\x13\\0\\x03\\0\\0\\0\\0\\0\\x01_pq_\\.x\\0R.*I\n${QUIT}`,
    ],
    [
      'a client of extended queries, which is told once',
      `${ASKED}S: S\n<TLS>\n${STARTUP}${STARTED}C: P\\x00\\x00\\x00\\x07\\x00\\x00\\x00\nS~ E.*only simple queries.*\nC: H\\x00\\x00\\x00\\x04\nC: S\\x00\\x00\\x00\\x04\nS: ${READY}\nC: Q\\x00\\x00\\x00\\x05\\x00\nS: I\\x00\\x00\\x00\\x04${READY}\n${QUIT}`,
    ],
  ],
  opening: '',
  trigger: ASKED,
  go: 'S: S\n',
  injections: [
    ['a whole message', STARTUP.replace('C:', 'C!')],
    ['half a message', 'C! \\x00\\x00\\x00\\x10\\x00\\x03\n'],
  ],
  afresh: `${STARTUP}${STARTED}`,
  exchanges: [
    ['wants TLS before a session', `${STARTUP}S~ E.*FATAL.*28000.*sslmode=require.*\n`],
    ['does not upgrade inside TLS', `${ASKED}S: S\n<TLS>\n${ASKED}S~ E.*0A000.*1234\\.5679.*\n`],
    ['does not encrypt by GSSAPI inside TLS', `${ASKED}S: S\n<TLS>\nC: hex: 00000008 04d21630\nS~ E.*0A000.*\n`],
    ['takes a cancellation, and says nothing', 'C: hex: 00000010 04d2162e 00000001 00000001\n'],
    ['knows one version', `C: hex: 00000009 00020000 00\nS~ E.*0A000.*2\\.0.*\n`],
    [
      'ends with a message that there is not',
      `${ASKED}S: S\n<TLS>\n${STARTUP}${STARTED}C: ?\\x00\\x00\\x00\\x04\nS~ E.*08P01.*\n`,
    ],
  ],
  malformed: [
    ['a length without room for itself', 'C: hex: 00000007 04d216\n'],
    ['an endless startup packet', 'C: hex: 7fffffff 00030000\n'],
    ['a parameter without end', `${ASKED}S: S\n<TLS>\nC: \\x00\\x00\\x00\\x0c\\x00\\x03\\x00\\x00user\n`],
    ['an endless message', `${ASKED}S: S\n<TLS>\n${STARTUP}${STARTED}C: Q\\x7f\\xff\\xff\\xff\n`],
    ['a message of another protocol', 'C: EHLO client.example⏎\n'],
  ],
});

describe('PostgreSQL as a server', () => {
  it('takes a client that begins with TLS and names the protocol', () => {
    const { channel, service } = playServer(POSTGRES, '<TLS>\n<END>\n');
    expect(service).toMatchObject({ tls: { role: 'server' }, commandsInClear: 1 });
    expect(channel.next).toBeUndefined();
  });

  it('refuses one that does not name it', () => {
    for (const encrypted of [false, true]) {
      const { service } = playServer(POSTGRES, `${encrypted ? '' : '<TLS>\n'}${STARTUP}`, { encrypted });
      expect(service).toMatchObject({ fault: 'malformed', message: expect.stringContaining('ALPN') });
    }
  });
});
