import { describe, expect, it } from 'vitest';
import { TELNET } from '../../src/starttls/telnet.ts';
import { play } from '../support/dialect-play.ts';
import { clientVectors, serverVectors } from '../support/dialect-vectors.ts';

const OFFER = 'S: hex: fffd2e\n';
const AGREED = 'C: hex: fffb2e fffa2e01fff0\n';
const FOLLOWS = 'S: hex: fffa2e01fff0\n';
const WILL = 'C: hex: fffb2e\n';

clientVectors(TELNET, {
  upgrades: [
    [
      'telnet-upgrade',
      {
        greeting: '',
        preTlsCapabilities: ['DO START_TLS'],
        postTlsCapabilities: null,
        trigger: 'WILL START_TLS',
        reply: { accepted: true, code: 'FOLLOWS', enhanced: null, text: '' },
        stateReset: ['capabilities'],
        credentialsInClear: null,
      },
    ],
    ['telnet-other-options', {}],
    ['telnet-asked', { preTlsCapabilities: ['DO NAWS'] }],
  ],
  opening: `${OFFER}${AGREED}`,
  go: FOLLOWS,
  renewal: '',
  renewed: null,
  leave: '',
  missing: [
    ['a prompt', 'S: login: \n', 'strippedSuspected'],
    ['a byte 255 of text', 'S: hex: ffff\n', 'strippedSuspected'],
  ],
  refusals: [
    ['DONT behind the agreement', 'S: hex: fffe2e\n', 'DONT'],
    ['DONT behind other options', 'S: hex: fffd18 fffa1801fff0 fffe2e\n', 'DONT'],
  ],
  finalRefusals: [],
  injections: [
    ['an option and a prompt', 'S! hex: fffb01\nS! login: \n'],
    ['half an option', 'S! hex: fffb\n'],
    ['the go-ahead once more', 'S! hex: fffa2e01fff0\n'],
  ],
  failures: [
    ['another word than FOLLOWS', `${OFFER}${AGREED}S: hex: fffa2e00fff0\n`, 'malformed'],
    ['FOLLOWS and more', `${OFFER}${AGREED}S: hex: fffa2e0101fff0\n`, 'malformed'],
    ['a command in a subnegotiation', `${OFFER}${AGREED}S: hex: fffa1801fffb01\n`, 'malformed'],
    ['a subnegotiation without end', `${OFFER}${AGREED}S: hex: fffa18${'00'.repeat(600)}\n`, 'malformed'],
    ['text without end', `${OFFER}${AGREED}S: ${'x'.repeat(17_000)}\n`, 'malformed'],
    ['options without end', `${OFFER}${AGREED}S: hex: ${'fffd18'.repeat(6_000)}\n`, 'malformed'],
    ['silence', '', 'timeout'],
    ['an end at once', '<END>\n', 'closed'],
    ['an end in the middle', 'S: hex: fffd\n<END>\n', 'closed'],
  ],
});

describe('Telnet as a client', () => {
  it('asks a server that begins with another option, and takes no for an answer', () => {
    const text = `S: hex: fffd1f\n${WILL}S: hex: fffe2e\n`;
    expect(play(TELNET, text).result).toMatchObject({ outcome: 'refused', reply: { code: 'DONT' } });
    expect(play(TELNET, text, { policy: 'prefer' }).result.outcome).toBe('clear');
  });

  it('leaves what comes first to a session in clear', () => {
    for (const [text, policy] of [
      ['S: login: \n', 'prefer'],
      ['S: hex: fffd1f\n', 'never'],
    ] as const) {
      const { exchanges, result } = play(TELNET, text, { policy });
      expect(result.outcome).toBe('clear');
      expect(exchanges).toEqual([]);
    }
  });

  it('says nothing inside direct TLS', () => {
    expect(play(TELNET, '', { encrypted: true }).result.outcome).toBe('direct');
  });

  it('tells people what passed', () => {
    const text = `S: hex: fffd1f\n${WILL}S: hex: fffb01 fffa1801fff0 fff6\nS: hi\nS: hex: fffd2e\nC: hex: fffa2e01fff0\n${FOLLOWS}<TLS>\n`;
    const { exchanges } = play(TELNET, text);
    expect(exchanges.map(({ from, bytes }) => `${from} ${TELNET.describe?.(from, bytes)}`)).toEqual([
      'client WILL START_TLS',
      'server DO NAWS',
      'server WILL ECHO',
      'server SB TERMINAL-TYPE of 1 bytes',
      'server IAC AYT',
      'server text "h"',
      'server text "i"',
      'server DO START_TLS',
      'client SB START_TLS FOLLOWS',
      'server SB START_TLS FOLLOWS',
    ]);
    expect(TELNET.describe?.('server', Buffer.from('login: '))).toBe('text "login: "');
    expect(TELNET.describe?.('server', Buffer.from([255, 250, 1, 255, 251]))).toContain('subnegotiation');
    expect(TELNET.describe?.('server', Buffer.from([255]))).toBe('1 bytes');
  });
});

const HOST = 'S: mx.example⏎\n';
const ENCRYPTED = `${OFFER}${AGREED}${FOLLOWS}<TLS>\n${HOST}`;
const TOLD = 'S: this service wants TLS: START_TLS is its first option⏎\n';

serverVectors(TELNET, {
  whole: [
    ['a session', `${ENCRYPTED}C: h\nS: h\nC: i\nS: i\n`],
    ['a client that asks', `${OFFER}${WILL}C: hex: fffa2e01fff0\n${FOLLOWS}<TLS>\n${HOST}`],
  ].map(([name = '', text = '']) => [name, `${text}<END>\n`] as const),
  opening: OFFER,
  trigger: AGREED,
  go: FOLLOWS,
  injections: [
    ['a line', 'C! root⏎\n'],
    ['an option', 'C! hex: fffb1f\n'],
    ['half an option', 'C! hex: fffb\n'],
  ],
  afresh: `${HOST}C: x\nS: x\n`,
  exchanges: [
    ['turns away who will not', `${OFFER}C: hex: fffc2e\n${TOLD}`],
    ['turns away who talks', `${OFFER}C: r\n${TOLD}`],
    [
      'refuses other options in clear, and does not argue',
      `${OFFER}C: hex: fffb1f\nS: hex: fffe1f\nC: hex: fffd03\nS: hex: fffc03\nC: hex: fffc18 fffe18 fff1 fffa1801fff0\n`,
    ],
    ['does not start TLS without an agreement', `${OFFER}C: hex: fffa2e01fff0\n`],
    ['refuses START_TLS inside TLS', `${ENCRYPTED}C: hex: fffb2e\nS: hex: fffe2e\nC: hex: fffd2e\nS: hex: fffc2e\n`],
    [
      'answers who asks whether it is there, and echoes the byte 255',
      `${ENCRYPTED}C: hex: fff6\nS: [yes]⏎\nC: hex: ffff\nS: hex: ffff\n`,
    ],
  ],
  malformed: [
    ['another word than FOLLOWS', `${OFFER}${WILL}C: hex: fffa2e00fff0\n`],
    ['a subnegotiation without end', `${OFFER}C: hex: fffa18${'00'.repeat(509)}\n`],
  ],
});
