import { describe, expect, it } from 'vitest';
import { HTTP, IPP } from '../../src/starttls/http.ts';
import { play } from '../support/dialect-play.ts';
import { clientVectors, serverVectors } from '../support/dialect-vectors.ts';

const ASKED = 'C: OPTIONS * HTTP/1.1⏎\nC: Host: mx.example⏎\nC: Upgrade: TLS/1.0⏎\nC: Connection: Upgrade⏎\nC: ⏎\n';
const GO = 'S: HTTP/1.1 101 Switching Protocols⏎\nS: Upgrade: TLS/1.0, HTTP/1.1⏎\nS: Connection: Upgrade⏎\nS: ⏎\n';
const EMPTY = 'S: Content-Length: 0⏎\nS: ⏎\n';

const answers = (...lines: readonly string[]): string => lines.map((line) => `S: ${line}⏎\n`).join('');

clientVectors(HTTP, {
  upgrades: [
    [
      'http-upgrade',
      {
        greeting: '',
        preTlsCapabilities: [],
        postTlsCapabilities: ['Server: Example/1.0', 'Allow: OPTIONS, GET,HEAD'],
        trigger: 'Upgrade: TLS/1.0',
        reply: { accepted: true, code: '101', enhanced: null, text: 'Switching Protocols' },
        stateReset: [],
        credentialsInClear: null,
        roundTrips: 1,
      },
    ],
    ['ipp-upgrade', { postTlsCapabilities: ['Server: CUPS/2.4 IPP/2.1'] }],
  ],
  opening: ASKED,
  go: GO,
  renewal: `S: HTTP/1.1 204 No Content⏎\nS: Allow: GET⏎\nS: ⏎\n`,
  renewed: ['Allow: GET'],
  leave: '',
  missing: [],
  refusals: [
    ['an answer without upgrade', `S: HTTP/1.1 200 OK⏎\n${EMPTY}`, '200'],
    ['an answer with a body', `${answers('HTTP/1.1 404 Not Found', 'Content-Length: 5', '')}S: hello\n`, '404'],
    [
      'an answer in chunks',
      `${answers('HTTP/1.1 405 Method Not Allowed', 'Transfer-Encoding: chunked', '', '5', 'hello', '0', 'Trailer: x', '')}`,
      '405',
    ],
    ['a demand for another upgrade', `S: HTTP/1.1 426 Upgrade Required⏎\nS: Upgrade: h2c⏎\n${EMPTY}`, '426'],
    [
      'an answer of an older version that keeps the connection',
      `S: HTTP/1.0 501⏎\nS: Connection: keep-alive⏎\n${EMPTY}`,
      '501',
    ],
  ],
  finalRefusals: [
    ['an answer that ends the connection', `S: HTTP/1.1 400 Bad Request⏎\nS: Connection: close⏎\n${EMPTY}`, '400'],
    ['an answer of an older version', `S: HTTP/1.0 400 Bad Request⏎\n${EMPTY}`, '400'],
    ['an answer whose end is that of the connection', 'S: HTTP/1.1 400 Bad Request⏎\nS: ⏎\nS: hello\n', '400'],
    ['an answer longer than anybody reads', answers('HTTP/1.1 403 Forbidden', 'Content-Length: 1048577', ''), '403'],
    [
      'an answer in more chunks than anybody reads',
      answers(
        'HTTP/1.1 403 Forbidden',
        'Transfer-Encoding: chunked',
        '',
        ...Array(1_001).fill(['1', 'x']).flat(),
        '0',
        '',
      ),
      '403',
    ],
  ],
  injections: [
    [
      'an answer in place of the one inside TLS',
      `S! HTTP/1.1 200 OK⏎\nS! Server: injected⏎\nS! Content-Length: 0⏎\nS! ⏎\n`,
    ],
    ['half of one', 'S! HTTP/1.1 200 OK⏎\nS! Ser\n'],
    ['an empty line', 'S! ⏎\n'],
  ],
  failures: [
    [
      'a switch to something else',
      `${ASKED}S: HTTP/1.1 101 Switching Protocols⏎\nS: Upgrade: h2c, TLS/1.0⏎\nS: ⏎\n`,
      'malformed',
    ],
    ['a switch to nothing', `${ASKED}S: HTTP/1.1 101 Switching Protocols⏎\nS: ⏎\n`, 'malformed'],
    ['a switch with a body', `${ASKED}${GO.replace(/S: ⏎\n$/, '')}S: Content-Length: 5⏎\nS: ⏎\n`, 'malformed'],
    ['a switch with chunks', `${ASKED}${GO.replace(/S: ⏎\n$/, '')}S: Transfer-Encoding: chunked⏎\nS: ⏎\n`, 'malformed'],
    ['a line that ends with LF alone', `${ASKED}S: HTTP/1.1 200 OK↵\n`, 'malformed'],
    ['a CR in a line', `${ASKED}S: HTTP/1.1 200 O\\x0dK⏎\n`, 'malformed'],
    ['a NUL in a line', `${ASKED}S: HTTP/1.1 200 O\\x00K⏎\n`, 'malformed'],
    [
      'a folded line',
      `${ASKED}${answers('HTTP/1.1 101 Switching Protocols', 'Upgrade: x', ' TLS/1.0', '')}`,
      'malformed',
    ],
    [
      'a blank ahead of a colon',
      `${ASKED}${answers('HTTP/1.1 101 Switching Protocols', 'Upgrade : TLS/1.0', '')}`,
      'malformed',
    ],
    ['a field without a colon', `${ASKED}${answers('HTTP/1.1 200 OK', 'what', '')}`, 'malformed'],
    ['fields without end', `${ASKED}S: HTTP/1.1 200 OK⏎\n${'S: A: b⏎\n'.repeat(101)}`, 'malformed'],
    ['provisional answers without end', `${ASKED}${answers('HTTP/1.1 102 Processing', '').repeat(11)}`, 'malformed'],
    ['an endless line', `${ASKED}S: HTTP/1.1 200 ${'x'.repeat(9_000)}\n`, 'malformed'],
    ['another version', `${ASKED}${answers('HTTP/2.0 200 OK', '')}`, 'malformed'],
    ['a greeting of another protocol', `${ASKED}S: 220 mx.example ESMTP⏎\n`, 'malformed'],
    ['two lengths', `${ASKED}${answers('HTTP/1.1 200 OK', 'Content-Length: 5', 'Content-Length: 6', '')}`, 'malformed'],
    ['a length that is no number', `${ASKED}${answers('HTTP/1.1 200 OK', 'Content-Length: +5', '')}`, 'malformed'],
    [
      'a length beside chunks',
      `${ASKED}${answers('HTTP/1.1 200 OK', 'Content-Length: 5', 'Transfer-Encoding: chunked', '')}`,
      'malformed',
    ],
    [
      'a coding that nobody knows',
      `${ASKED}${answers('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked', '')}`,
      'malformed',
    ],
    [
      'a chunk without size',
      `${ASKED}${answers('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', 'x')}`,
      'malformed',
    ],
    [
      'a chunk longer than its size',
      `${ASKED}${answers('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '1', 'xy')}`,
      'malformed',
    ],
    ['a TLS alert', `${ASKED}S: hex: 15 0303 0002 0246\n<END>\n`, 'wrongMode'],
    ['silence', ASKED, 'timeout'],
    ['an end in the middle', `${ASKED}S: HTTP/1.1 200 OK⏎\n<END>\n`, 'closed'],
  ],
});

describe('HTTP as a client', () => {
  it('reads the answer of a server that speaks HTTPS', () => {
    const text = `C: OPTIONS * HTTP/1.1⏎\nC: Host: mx.example⏎\nC: ⏎\n${answers('HTTP/1.1 405 Method Not Allowed', 'Allow: GET', 'Set-Cookie: id=1', 'Content-Length: 2', '')}S: no\n`;
    const { channel, result } = play(IPP, text, { encrypted: true });
    expect(result).toMatchObject({
      outcome: 'direct',
      greeting: 'HTTP/1.1 405 Method Not Allowed',
      postTlsCapabilities: ['Allow: GET'],
    });
    expect(channel.next).toBeUndefined();
  });

  it('names an address in brackets', () => {
    const text = ASKED.replace('mx.example', '[2001:db8::1]') + GO;
    const { result } = play(HTTP, `${text}<TLS>\nS: HTTP/1.1 200 OK⏎\n${EMPTY}`, {
      parties: { host: '2001:db8::1', self: '' },
    });
    expect(result.outcome).toBe('upgraded');
  });

  it('refuses a host that would be more than one line', () => {
    expect(() => play(HTTP, ASKED, { parties: { host: 'a\r\nX: y', self: '' } })).toThrow(/CR/);
  });

  it('refuses an answer inside TLS that is none', () => {
    const { channel, result } = play(HTTP, `${ASKED}${GO}<TLS>\nS: what⏎\n`);
    expect(result).toMatchObject({ outcome: 'malformed', tls: null });
    expect(channel.closed).toBe(true);
  });
});

const OPTIONS = 'C: OPTIONS * HTTP/1.1⏎\nC: Host: mx.example⏎\nC: ⏎\n';
const TOLD = `${answers('HTTP/1.1 200 OK', 'Allow: OPTIONS, GET, HEAD', 'Server: tcpx', 'Content-Length: 0', '')}`;
const NEEDED = answers(
  'HTTP/1.1 426 Upgrade Required',
  'Upgrade: TLS/1.0, HTTP/1.1',
  'Connection: Upgrade',
  'Content-Length: 0',
  '',
);
const ENCRYPTED = `${ASKED}${GO}<TLS>\n${TOLD}`;
const REFUSED = answers('HTTP/1.1 400 Bad Request', 'Connection: close', 'Content-Length: 0', '');

serverVectors(HTTP, {
  whole: [
    [
      'an upgrade and a page',
      `${ENCRYPTED}C: GET / HTTP/1.1⏎\nC: Host: x⏎\nC: Connection: close⏎\nC: ⏎\nS~ HTTP/1\\.1 200 OK.*Connection: close.*mx\\.example TLSv1\\.3.*\n`,
    ],
  ],
  opening: '',
  trigger: ASKED,
  go: GO,
  injections: [
    ['a whole request', OPTIONS.replaceAll('C:', 'C!')],
    ['half a request', 'C! OPTIONS * HTTP/1.1⏎\nC! Ho\n'],
  ],
  afresh: `${TOLD}${OPTIONS}${TOLD}`,
  exchanges: [
    ['tells everybody to upgrade', `C: GET / HTTP/1.1⏎\nC: Host: x⏎\nC: ⏎\n${NEEDED}`],
    [
      'upgrades by OPTIONS alone',
      `C: POST / HTTP/1.1⏎\nC: Host: x⏎\nC: Upgrade: TLS/1.0⏎\nC: Connection: Upgrade⏎\nC: Content-Length: 5⏎\nC: ⏎\nC: hello\n${NEEDED}`,
    ],
    [
      'wants both fields',
      `C: OPTIONS * HTTP/1.1⏎\nC: Host: x⏎\nC: Upgrade: TLS/1.0⏎\nC: ⏎\n${NEEDED}C: OPTIONS * HTTP/1.1⏎\nC: Host: x⏎\nC: Upgrade: TLS/1.3⏎\nC: Connection: upgrade⏎\nC: ⏎\n${NEEDED}`,
    ],
    ['does not upgrade inside TLS', `${ENCRYPTED}${ASKED}${TOLD}`],
    [
      'does not upgrade with a body',
      `C: OPTIONS * HTTP/1.1⏎\nC: Host: x⏎\nC: Upgrade: TLS/1.0⏎\nC: Connection: Upgrade⏎\nC: Content-Length: 5⏎\nC: ⏎\n${REFUSED}`,
    ],
    [
      'serves HEAD, and no other method',
      `${ENCRYPTED}C: HEAD / HTTP/1.1⏎\nC: Host: x⏎\nC: ⏎\nS~ HTTP/1\\.1 200.*\nC: DELETE / HTTP/1.1⏎\nC: Host: x⏎\nC: ⏎\nS~ HTTP/1\\.1 405.*\n`,
    ],
    [
      'reads bodies away',
      `${ENCRYPTED}C: PUT / HTTP/1.1⏎\nC: Host: x⏎\nC: Transfer-Encoding: chunked⏎\nC: ⏎\nC: 5⏎\nC: hello⏎\nC: 0⏎\nC: ⏎\nS~ HTTP/1\\.1 405.*\n${OPTIONS}${TOLD}`,
    ],
    [
      'does not read a body without end',
      `${ENCRYPTED}C: PUT / HTTP/1.1⏎\nC: Host: x⏎\nC: Content-Length: 9999999⏎\nC: ⏎\nS~ HTTP/1\\.1 413.*\n`,
    ],
    [
      'lets go on who waits for that',
      `${ENCRYPTED}C: PUT / HTTP/1.1⏎\nC: Host: x⏎\nC: Content-Length: 1⏎\nC: Expect: 100-continue⏎\nC: ⏎\nS: HTTP/1.1 100 Continue⏎\nS: ⏎\nC: x\nS~ HTTP/1\\.1 405.*\n`,
    ],
    [
      'but not with a body without end',
      `${ENCRYPTED}C: PUT / HTTP/1.1⏎\nC: Host: x⏎\nC: Content-Length: 9999999⏎\nC: Expect: 100-continue⏎\nC: ⏎\nS~ HTTP/1\\.1 413.*\n`,
    ],
    [
      'knows no operation of IPP, and says so in its words',
      `${ENCRYPTED}C: POST / HTTP/1.1⏎\nC: Host: x⏎\nC: Content-Type: application/ipp⏎\nC: Content-Length: 9⏎\nC: ⏎\nC: hex: 0101 000b 00000007 03\nS: HTTP/1.1 200 OK⏎\nS: Content-Type: application/ipp⏎\nS: Content-Length: 72⏎\nS: ⏎\nS: hex: 0101 0501 00000007 01\nS: G\\x00\\x12attributes-charset\\x00\\x05utf-8\nS: H\\x00\\x1battributes-natural-language\\x00\\x02en\nS: \\x03\n`,
    ],
    [
      'ends the connection of an older version',
      `${ENCRYPTED}C: GET / HTTP/1.0⏎\nC: Host: x⏎\nC: ⏎\nS~ .*Connection: close.*\n`,
    ],
  ],
  malformed: [
    ['a request without Host', `C: OPTIONS * HTTP/1.1⏎\nC: ⏎\n${REFUSED}`],
    ['a request with two', `C: OPTIONS * HTTP/1.1⏎\nC: Host: a⏎\nC: Host: b⏎\nC: ⏎\n${REFUSED}`],
    ['a request line of another protocol', `C: EHLO x⏎\n${REFUSED}`],
    [
      'a body with two ends',
      `C: PUT / HTTP/1.1⏎\nC: Host: x⏎\nC: Content-Length: 1⏎\nC: Transfer-Encoding: chunked⏎\nC: ⏎\n${REFUSED}`,
    ],
    ['a folded line', `C: OPTIONS * HTTP/1.1⏎\nC:  Host: x⏎\n${REFUSED}`],
    [
      'an endless line',
      `C: OPTIONS ${'x'.repeat(8_185)}\nS: HTTP/1.1 400 Bad Request⏎\nS: Connection: close⏎\n${EMPTY}`,
    ],
  ],
});
