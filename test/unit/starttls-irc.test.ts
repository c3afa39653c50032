import { describe, expect, it } from 'vitest';
import { IRC, ircMessage, ircSts } from '../../src/starttls/irc.ts';
import { play } from '../support/dialect-play.ts';
import { clientRules, serverRules } from '../support/dialect-rules.ts';

const ASK = 'C: CAP LS 302⏎\n';
const TRIGGERED = `${ASK}S: :irc CAP * LS :tls⏎\nC: STARTTLS⏎\n`;

clientRules(IRC, {
  fixture: 'irc-upgrade',
  expected: {
    greeting: '',
    preTlsCapabilities: ['multi-prefix', 'sasl=PLAIN,EXTERNAL', 'TLS', 'sts=port=6697,duration=300'],
    postTlsCapabilities: ['multi-prefix', 'sasl=PLAIN', 'sts=duration=2592000'],
    trigger: 'STARTTLS',
    reply: { accepted: true, code: '670', enhanced: null, text: 'STARTTLS successful, go ahead' },
    stateReset: ['capabilities'],
    credentialsInClear: true,
    roundTrips: 4,
  },
  before: ASK,
  opening: TRIGGERED,
  go: 'S: :irc 670 * :go⏎\n',
  renewal: `${ASK}S: :irc CAP * LS :multi-prefix⏎\n`,
  renewed: ['multi-prefix'],
  leave: 'C: QUIT⏎\n',
  missing: [
    ['no offer', `${ASK}S: :irc CAP * LS :multi-prefix⏎\n`, 'notOffered'],
    ['no capability at all', `${ASK}S: :irc CAP * LS :⏎\n`, 'notOffered'],
    ['an overwritten offer', `${ASK}S: :irc CAP * LS :XXXX⏎\n`, 'strippedSuspected'],
    ['an offer overwritten by as many letters', `${ASK}S: :irc CAP * LS :multi-prefix xxx⏎\n`, 'strippedSuspected'],
    ['a word that is shorter', `${ASK}S: :irc CAP * LS :xx⏎\n`, 'notOffered'],
    ['a longer word', `${ASK}S: :irc CAP * LS :xtls⏎\n`, 'strippedSuspected'],
  ],
  refusals: [
    ['S: :irc 691 * :no certificate⏎', '691'],
    ['S: :irc 421 * STARTTLS :Unknown command⏎', '421'],
    ['S: :irc 451 * :You have not registered⏎', '451'],
    ['S: :irc 462 ann :You have registered⏎', '462'],
    ['S: :irc NOTICE * :*** wait⏎\nS: :irc 691 * :no certificate⏎', '691'],
  ],
  injections: [
    ['a whole message', 'S! :irc CAP * LS :sasl=PLAIN⏎\n'],
    ['half a message', 'S! :irc CAP * LS :sasl=PL\n'],
    ['a notice', 'S! :irc NOTICE * :*** see http://tampered.example/⏎\n'],
  ],
  // A server that does not answer CAP may be an old one: it is asked for TLS.
  silence: `${ASK}C: STARTTLS⏎\n`,
  failures: [
    ['ERROR in place of an answer', `${ASK}S: ERROR :Closing link⏎\nC: QUIT⏎\n`, 'refused'],
    ['an answer of another protocol', `${ASK}S: 220-mx.example ESMTP⏎\n`, 'malformed'],
    ['notices without end', `${ASK}${'S: NOTICE * :x⏎\n'.repeat(1_001)}`, 'malformed'],
    ['a list without end', `${ASK}${`S: :irc CAP * LS * :${'a '.repeat(100)}⏎\n`.repeat(6)}`, 'malformed'],
    ['an endless message', `${ASK}S: :irc NOTICE * :${'x'.repeat(9_000)}⏎\n`, 'malformed'],
    ['CR within a PING', `${ASK}S: PING :a\\x0dQUIT⏎\n`, 'malformed'],
    ['NUL within a PING', `${ASK}S: PING :a\\x00⏎\n`, 'malformed'],
  ],
});

describe('IRC as a client', () => {
  it.each([
    ['S: :irc 421 * CAP :Unknown command⏎', 'C: STARTTLS⏎'],
    ['S: :irc 451 * :You have not registered⏎', 'C: STARTTLS⏎'],
    ['C: STARTTLS⏎', 'S: :irc 421 * CAP :Unknown command⏎'],
  ])('asks a server that knows no CAP all the same: %s', (first, second) => {
    const renewal = `${ASK}S: :irc 421 * CAP :Unknown command⏎\n`;
    const { channel, result } = play(IRC, `${ASK}${first}\n${second}\nS: :irc 670 * :go⏎\n<TLS>\n${renewal}`);
    expect(channel.next).toBeUndefined();
    expect(result).toMatchObject({ outcome: 'upgraded', preTlsCapabilities: [], postTlsCapabilities: null });
  });

  it('tells where the server has TLS that it does not offer', () => {
    const { result } = play(IRC, `${ASK}S: :irc CAP * LS :sts=port=6697⏎\nC: QUIT⏎\n`);
    expect(result.outcome).toBe('notOffered');
    expect(result.reason).toContain('TLS from the first byte on port 6697');
  });

  it('keeps nothing of what notices said', () => {
    const { result } = play(
      IRC,
      `${ASK}S: NOTICE * :tampered⏎\nS: :irc CAP * LS :tls⏎\nC: STARTTLS⏎\nS: NOTICE * :tampered⏎\nS: :irc 670 * :go⏎\n<TLS>\n${ASK}S: :irc CAP * LS :x⏎\n`,
    );
    expect(result.outcome).toBe('upgraded');
    expect(JSON.stringify(result)).not.toContain('tampered');
  });

  it.each([
    ['sasl', true],
    ['sasl=EXTERNAL', false],
    ['sasl=EXTERNAL,PLAIN', true],
    ['multi-prefix', null],
  ])('%j decides whether a password may cross in clear: %s', (capability, may) => {
    const { result } = play(IRC, `${ASK}S: :irc CAP * LS :${capability}⏎\n`, { policy: 'never' });
    expect(result.credentialsInClear).toBe(may);
  });

  it.each([
    ['sts=port=6697', { port: 6697, duration: null }],
    ['STS=duration=300,port=6697,preload', { port: 6697, duration: 300 }],
    ['sts=duration=0', { port: null, duration: 0 }],
    ['sts=port=0,duration=1', { port: null, duration: 1 }],
    ['sts=port=99999', null],
    ['sts=xport=1,durations=2', null],
    ['sts', null],
    ['xsts=port=1', null],
  ])('reads the policy %s', (entry, policy) => {
    expect(ircSts(['multi-prefix', entry])).toEqual(policy);
  });

  it.each([
    [':irc 670 * :go ahead', { command: '670', parameters: ['*', 'go ahead'] }],
    ['@a=b;c :nick!user@host privmsg #x ::)', { command: 'PRIVMSG', parameters: ['#x', ':)'] }],
    ['PING', { command: 'PING', parameters: [] }],
    ['NICK  a  ', { command: 'NICK', parameters: ['a'] }],
    ['', null],
    [':irc', null],
    ['67 x', null],
    ['250-x', null],
  ])('takes %j apart', (line, message) => {
    expect(ircMessage(line)).toEqual(message);
  });
});

const UPGRADE = 'C: STARTTLS⏎\nS: :mx.example 670 * :go⏎\n<TLS>\n';
const PLAIN = Buffer.from('\0ann\0secret').toString('base64');

serverRules(IRC, {
  whole: `C: CAP LS 302⏎
S: :mx.example CAP * LS :multi-prefix tls⏎
C: starttls⏎
S: :mx.example 670 * :go⏎
<TLS>
C: CAP LS 302⏎
S: :mx.example CAP * LS :multi-prefix sasl=PLAIN⏎
C: CAP REQ :sasl multi-prefix⏎
S: :mx.example CAP * ACK :sasl multi-prefix⏎
C: NICK ann⏎
C: USER ann 0 * :Ann⏎
C: AUTHENTICATE PLAIN⏎
S: AUTHENTICATE +⏎
C: AUTHENTICATE ${PLAIN}⏎
S: :mx.example 903 ann :welcome⏎
C: CAP END⏎
S: :mx.example 001 ann :welcome to mx.example⏎
S: :mx.example 422 ann :there is no message of the day⏎
C: PING :x y⏎
S: :mx.example PONG mx.example :x y⏎
C: QUIT :bye⏎
S: ERROR :good bye⏎
`,
  greeting: '',
  trigger: 'STARTTLS⏎',
  go: 'S: :mx.example 670 * :go⏎\n',
  injected: 'PING x',
  tail: 'C: y⏎\nS: :mx.example 451 * :register first⏎\n',
  exchanges: [
    ['refuses STARTTLS inside TLS', `${UPGRADE}C: STARTTLS⏎\nS: :mx.example 691 * :TLS is active already⏎\n`],
    ['does not announce it there', `${UPGRADE}C: CAP LS⏎\nS: :mx.example CAP * LS :multi-prefix sasl⏎\n`],
    [
      'refuses it to who has registered',
      'C: NICK ann⏎\nC: USER a 0 * :A⏎\nS: :mx.example 001 ann :welcome to mx.example⏎\nS: :mx.example 422 ann :there is no message of the day⏎\nC: STARTTLS⏎\nS: :mx.example 691 ann :too late, you have registered⏎\n',
    ],
    [
      'refuses passwords in clear',
      `C: PASS secret⏎\nS: :mx.example 464 * :TLS first⏎\nC: AUTHENTICATE PLAIN⏎\nS: :mx.example 904 * :TLS first⏎\nC: CAP REQ :sasl⏎\nS: :mx.example CAP * NAK :sasl⏎\n`,
    ],
    [
      'forgets the name that was said in clear',
      `C: NICK eve⏎\nC: STARTTLS⏎\nS: :mx.example 670 eve :go⏎\n<TLS>\nC: USER a 0 * :A⏎\nC: NICK ann⏎\nS: :mx.example 001 ann :welcome to mx.example⏎\nS: :mx.example 422 ann :there is no message of the day⏎\n`,
    ],
    [
      'refuses what is no response',
      `${UPGRADE}C: AUTHENTICATE LOGIN⏎\nS: :mx.example 908 * PLAIN :is what is known⏎\nC: AUTHENTICATE PLAIN⏎\nS: AUTHENTICATE +⏎\nC: AUTHENTICATE YQ==⏎\nS: :mx.example 904 * :not a response of PLAIN⏎\n`,
    ],
    [
      'answers what makes no sense',
      'C: NICK 1⏎\nS: :mx.example 432 * :not a nickname⏎\nC: USER⏎\nS: :mx.example 461 * USER :four parameters are due⏎\nC: CAP⏎\nS: :mx.example 410 * * :unknown subcommand⏎\n',
    ],
  ],
});
