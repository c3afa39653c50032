import { describe, expect, it } from 'vitest';
import { MYSQL } from '../../src/starttls/mysql.ts';
import { play, playServer } from '../support/dialect-play.ts';
import { clientVectors, serverVectors } from '../support/dialect-vectors.ts';
import { readTranscript } from '../support/transcript.ts';

/** A packet as a line of a transcript. */
function packet(from: 'C' | 'S' | 'C!' | 'S!', sequence: number, payload: Uint8Array): string {
  const head = [payload.length & 0xff, (payload.length >> 8) & 0xff, payload.length >> 16, sequence];
  return `${from.length === 1 ? `${from}:` : from} hex: ${Buffer.from([...head, ...payload]).toString('hex')}\n`;
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

const CLIENT_SSL = 0x800;
const FLAGS = 0x0008_aa01;

function greeting(flags: number): Buffer {
  const [low, high] = [flags & 0xffff, flags >>> 16];
  return Buffer.concat([
    latin1('\x0a8.0.36\0\x01\0\0\x008bytes!!\0'),
    Buffer.from([low & 0xff, low >> 8, 45, 2, 0, high & 0xff, high >> 8, 21]),
    Buffer.alloc(10),
    latin1('twelve bytes\0caching_sha2_password\0'),
  ]);
}

const GREETED = packet('S', 0, greeting(FLAGS));
const REQUEST = Buffer.from(
  '01aa0800 00000001 2d 00000000000000000000000000000000000000 00000000'.replaceAll(' ', ''),
  'hex',
);
const ASKED = packet('C', 1, REQUEST);
const BLOCKED = latin1("\xff\x6a\x04Host '192.0.2.1' is blocked");

clientVectors(MYSQL, {
  upgrades: [
    [
      'mysql-upgrade',
      {
        greeting: '8.0.36',
        preTlsCapabilities: expect.arrayContaining(['CLIENT_SSL', 'CLIENT_PROTOCOL_41', 'caching_sha2_password']),
        postTlsCapabilities: null,
        trigger: 'SSLRequest',
        reply: { accepted: true, code: '', enhanced: null, text: '' },
        stateReset: ['greeting', 'capabilities'],
        credentialsInClear: null,
      },
    ],
    [
      'mariadb-upgrade',
      {
        greeting: '5.5.5-10.11.19-MariaDB-0+deb12u1',
        preTlsCapabilities: expect.arrayContaining([
          'CLIENT_SSL',
          'MARIADB_CLIENT_STMT_BULK_OPERATIONS',
          'mysql_native_password',
          'scramble 73334028476a612946664f386b31512563446a69',
        ]),
      },
    ],
  ],
  opening: `${GREETED}${ASKED}`,
  go: '',
  renewal: '',
  renewed: null,
  leave: '',
  missing: [
    ['no flag', packet('S', 0, greeting(FLAGS & ~CLIENT_SSL)), 'notOffered'],
    ['protocol version 9', packet('S', 0, latin1('\x093.20.32\0\x01\0\0\0scramble\0')), 'notOffered'],
    [
      'a greeting that ends with the first flags',
      packet('S', 0, greeting(FLAGS & ~CLIENT_SSL).subarray(0, 23)),
      'notOffered',
    ],
  ],
  refusals: [],
  finalRefusals: [],
  injections: [
    ['an answer to what comes inside TLS', packet('S!', 2, latin1('\0\0\0\x02\0\0\0'))],
    ['half of one', 'S! hex: 0700\n'],
  ],
  failures: [
    ['an error in place of the greeting', packet('S', 0, BLOCKED), 'refused'],
    ['an error with a state', packet('S', 0, latin1('\xff\x10\x04#08004Too many connections')), 'refused'],
    ['an error without text', packet('S', 0, latin1('\xff')), 'malformed'],
    ['a greeting of another version', packet('S', 0, latin1('\x0bx\0')), 'malformed'],
    ['a greeting with another number', packet('S', 1, greeting(FLAGS)), 'malformed'],
    ['a greeting that ends in the version', packet('S', 0, latin1('\x0a8.0.36')), 'malformed'],
    ['a greeting that ends in the scramble', packet('S', 0, greeting(FLAGS).subarray(0, 18)), 'malformed'],
    ['a greeting that ends in the reserved bytes', packet('S', 0, greeting(FLAGS).subarray(0, 33)), 'malformed'],
    ['an empty greeting', packet('S', 0, Buffer.alloc(0)), 'malformed'],
    ['an endless greeting', 'S: hex: ffffff00 0a\n', 'malformed'],
    ['a greeting of another protocol', 'S: 220 mx.example ESMTP⏎\n', 'malformed'],
    ['silence', '', 'timeout'],
    ['an end at once', '<END>\n', 'closed'],
    ['an end in the middle', 'S: hex: 4a000000 0a38\n<END>\n', 'closed'],
  ],
});

describe('MySQL as a client', () => {
  it('shows why it was turned away', () => {
    const { result } = play(MYSQL, packet('S', 0, BLOCKED));
    expect(result.reason).toContain(`1130 "Host '192.0.2.1' is blocked"`);
  });

  it('reads a greeting without the name of a plugin', () => {
    const { result } = play(MYSQL, `${packet('S', 0, greeting(FLAGS & ~0x80000))}${ASKED}<TLS>\n`);
    expect(result.outcome).toBe('upgraded');
    expect(result.preTlsCapabilities).not.toContain('caching_sha2_password');
  });

  it('tells people what passed', () => {
    const { exchanges } = play(MYSQL, readTranscript('mysql-upgrade'));
    expect(exchanges.map(({ from, bytes }) => MYSQL.describe?.(from, bytes))).toEqual([
      'packet 0: greeting, version "8.0.36", CLIENT_SSL',
      'packet 1: SSLRequest',
    ]);
  });
});

const GREETS = 'S~ .{3}\\0\\x0a8\\.0\\.0-tcpx\\0.*mysql_native_password\\0\n';
const DONE = '\0\0\0\x02\0\0\0';

/** HandshakeResponse41 of a client that has a password for the plugin. */
function login(plugin: string, flags = FLAGS): Buffer {
  const head = Buffer.from(REQUEST);
  head.writeUInt32LE(flags, 0);
  return Buffer.concat([head, latin1(`user\0\x04\x01\x02\x03\x04${plugin}\0`)]);
}

const LOGIN = packet('C', 2, login('mysql_native_password'));
const WELCOME = packet('S', 3, latin1(DONE));
const QUIT = packet('C', 0, latin1('\x01'));

serverVectors(MYSQL, {
  whole: [
    [
      'a session with a query',
      `${GREETS}${ASKED}<TLS>\n${LOGIN}${WELCOME}${packet('C', 0, latin1('\x03select 1'))}S~ \\x01\\0\\0\\x01\\x03.*host.*mx\\.example.*TLSv1\\.3.*\n${QUIT}`,
    ],
    [
      'a client with another plugin',
      `${GREETS}${ASKED}<TLS>\n${packet('C', 2, login('caching_sha2_password'))}S~ .{3}\\x03\\xfemysql_native_password\\0.{20}\\0\n${packet('C', 4, Buffer.alloc(20, 1))}${packet('S', 5, latin1(DONE))}${QUIT}`,
    ],
    [
      'commands without rows',
      `${GREETS}${ASKED}<TLS>\n${LOGIN}${WELCOME}${packet('C', 0, latin1('\x0e'))}${packet('S', 1, latin1(DONE))}${packet('C', 0, latin1('\x02db'))}${packet('S', 1, latin1(DONE))}${packet('C', 0, latin1('\x03set names utf8'))}${packet('S', 1, latin1(DONE))}${packet('C', 0, latin1('\x09'))}S~ .*Unknown command\n${QUIT}`,
    ],
  ],
  opening: GREETS,
  trigger: ASKED,
  go: '',
  injections: [
    ['a whole packet', LOGIN.replace('C:', 'C!')],
    ['half a packet', 'C! hex: 2900 0002 01\n'],
  ],
  afresh: '',
  exchanges: [
    [
      'wants TLS before a login',
      `${GREETS}${packet('C', 1, login('mysql_native_password', FLAGS & ~CLIENT_SSL))}S~ .*insecure transport.*\n`,
    ],
    [
      'does not take a login in clear for a request',
      `${GREETS}${packet('C', 1, login('mysql_native_password'))}S~ .*insecure transport.*\n`,
    ],
    ['does not upgrade inside TLS', `${GREETS}${ASKED}<TLS>\n${packet('C', 2, REQUEST)}S~ .*Bad handshake\n`],
    [
      'refuses a login that ends in the name',
      `${GREETS}${ASKED}<TLS>\n${packet('C', 2, login('x').subarray(0, 34))}S~ .*Bad handshake\n`,
    ],
    [
      'refuses a login whose password is longer than the packet',
      `${GREETS}${ASKED}<TLS>\n${packet('C', 2, login('x').subarray(0, 39))}S~ .*Bad handshake\n`,
    ],
    [
      'wants the protocol of version 4.1',
      `${GREETS}${ASKED}<TLS>\n${packet('C', 2, login('x', 0))}S~ .*Bad handshake\n`,
    ],
  ],
  malformed: [['an endless packet', `${GREETS}C: hex: ffffff01\n`]],
});

describe('MySQL as a server', () => {
  it('keeps what proves a password out of traces', () => {
    const { exchanges } = playServer(MYSQL, `${GREETS}${ASKED}<TLS>\n${LOGIN}${WELCOME}${QUIT}`);
    const heard = exchanges.filter(({ from }) => from === 'client');
    expect(heard.map(({ secret }) => secret)).toEqual([false, true, true]);
  });
});
