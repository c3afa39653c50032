import { describe, expect, it } from 'vitest';
import { XMPP, XMPP_SERVER } from '../../src/starttls/xmpp.ts';
import { play, playServer } from '../support/dialect-play.ts';
import { clientVectors, serverVectors } from '../support/dialect-vectors.ts';

const STREAMS = "xmlns:stream='http://etherx.jabber.org/streams'";
const TLS = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
const SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const ERRORS = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";

const HELLO = `C: <?xml version='1.0'?><stream:stream to='mx.example' version='1.0' xmlns='jabber:client' ${STREAMS}>\n`;
const ROOT = `<stream:stream from='mx.example' id='1' version='1.0' xmlns='jabber:client' ${STREAMS}>`;
const OPENED = `${HELLO}S: ${ROOT}\n`;
const OFFERED = `${OPENED}S: <stream:features><starttls ${TLS}><required/></starttls></stream:features>\n`;
const TRIGGER = `C: <starttls ${TLS}/>\n`;
const OPENING = `${OFFERED}${TRIGGER}`;
const GO = `S: <proceed ${TLS}/>\n`;
const LEAVE = 'C: </stream:stream>\n';
const PLAIN = `<mechanisms ${SASL}><mechanism>PLAIN</mechanism></mechanisms>`;

clientVectors(XMPP, {
  upgrades: [
    [
      'xmpp-upgrade',
      {
        greeting: 'mx.example',
        preTlsCapabilities: ['starttls', 'mechanisms SCRAM-SHA-256'],
        postTlsCapabilities: ['mechanisms SCRAM-SHA-256 PLAIN'],
        trigger: '<starttls/>',
        reply: { accepted: true, code: 'proceed', enhanced: null, text: '', final: false },
        stateReset: ['greeting', 'capabilities'],
        credentialsInClear: true,
        roundTrips: 3,
      },
    ],
    ['xmpp-quirks', { preTlsCapabilities: ['starttls required', 'mechanisms PLAIN'], postTlsCapabilities: [] }],
  ],
  opening: OPENING,
  go: GO,
  renewal: `${OPENED}S: <stream:features>${PLAIN}</stream:features>\n`,
  renewed: ['mechanisms PLAIN'],
  leave: LEAVE,
  missing: [
    ['no offer', `${OPENED}S: <stream:features>${PLAIN}</stream:features>\n`, 'notOffered'],
    ['no features at all', `${OPENED}S: <stream:features/>\n`, 'notOffered'],
    [
      'an overwritten offer',
      `${OPENED}S: <stream:features><XXXXXXXX ${TLS}/></stream:features>\n`,
      'strippedSuspected',
    ],
    ['a longer word', `${OPENED}S: <stream:features><starttlsx ${TLS}/></stream:features>\n`, 'strippedSuspected'],
    [
      'an offer in another namespace',
      `${OPENED}S: <stream:features><starttls xmlns='x'/></stream:features>\n`,
      'strippedSuspected',
    ],
    ['a stream without version', `${HELLO}S: ${ROOT.replace(" version='1.0'", '')}\n`, 'strippedSuspected'],
  ],
  refusals: [],
  finalRefusals: [['a failure', `S: <failure ${TLS}/>\n`, 'failure']],
  injections: [
    ['a stream in place of the one inside TLS', `S! ${ROOT}<stream:features>${PLAIN}</stream:features>\n`],
    ['half of it', `S! ${ROOT.slice(0, 40)}\n`],
    ['white space', 'S! ⏎\n'],
    ['the go-ahead once more', `S! <proceed ${TLS}/>\n`],
  ],
  failures: [
    [
      'an error in place of features',
      `${OPENED}S: <stream:error><host-unknown ${ERRORS}/></stream:error>\n${LEAVE}`,
      'refused',
    ],
    [
      'an error behind the trigger',
      `${OPENING}S: <stream:error><reset ${ERRORS}/></stream:error>\n${LEAVE}`,
      'refused',
    ],
    ['the end of the stream in place of features', `${OPENED}S: </stream:stream>\n`, 'closed'],
    ['the end of the stream behind the trigger', `${OPENING}S: </stream:stream>\n`, 'closed'],
    ['another element in place of features', `${OPENED}S: <message/>\n`, 'malformed'],
    ['another answer to the trigger', `${OPENING}S: <proceed xmlns='x'/>\n`, 'malformed'],
    ['a message behind the trigger', `${OPENING}S: <message><body>hi</body></message>\n`, 'malformed'],
    ['another root', `${HELLO}S: <html>\n`, 'malformed'],
    ['a root of another namespace', `${HELLO}S: <stream:stream xmlns:stream='x' version='1.0'>\n`, 'malformed'],
    ['text between elements', `${OPENED}S: hello <stream:features/>\n`, 'malformed'],
    ['a prefix that nobody has declared', `${OPENED}S: <x:features/>\n`, 'malformed'],
    ['an end that does not fit', `${OPENED}S: <stream:features></stream:error>\n`, 'malformed'],
    ['an entity that is not declared', `${OPENED}S: <stream:features>&lol;</stream:features>\n`, 'malformed'],
    ['a document type', `${HELLO}S: <!DOCTYPE x>${ROOT}\n`, 'malformed'],
    ['entities of its own', `${HELLO}S: <!DOCTYPE x [<!ENTITY lol "lol">]>${ROOT}\n`, 'malformed'],
    ['a comment', `${OPENED}S: <!-- x --><stream:features/>\n`, 'malformed'],
    ['a processing instruction', `${OPENED}S: <?php x?><stream:features/>\n`, 'malformed'],
    ['another encoding', `${HELLO}S: <?xml version='1.0' encoding='ISO-8859-1'?>${ROOT}\n`, 'malformed'],
    ['bytes that are no UTF-8', `${OPENED}S: <a>\\xff</a>\n`, 'malformed'],
    ['an endless element', `${OPENED}S: <a>${'x'.repeat(66_000)}\n`, 'malformed'],
    ['an endless tag', `${OPENED}S: <a b='${'x'.repeat(66_000)}\n`, 'malformed'],
    ['elements in one another without end', `${OPENED}S: ${'<a>'.repeat(20)}\n`, 'malformed'],
    ['elements without end', `${OPENED}S: <a>${'<b/>'.repeat(600)}\n`, 'malformed'],
    ['a greeting of another protocol', `${HELLO}S: 220 mx.example <ESMTP>⏎\n`, 'malformed'],
    ['a TLS alert', `${HELLO}S: hex: 15 0303 0002 0246\n<END>\n`, 'wrongMode'],
    ['silence', HELLO, 'timeout'],
    ['an end at once', `${HELLO}<END>\n`, 'closed'],
    ['an end in the middle', `${OPENED}S: <stream:feat\n<END>\n`, 'closed'],
  ],
});

describe('XMPP as a client', () => {
  it('shows why a stream has ended, and follows nobody elsewhere', () => {
    const moved = `<stream:error><see-other-host ${ERRORS}>evil.example</see-other-host><text ${ERRORS}>ask &amp; see</text></stream:error>`;
    const { result } = play(XMPP, `${OPENED}S: ${moved}\n${LEAVE}`);
    expect(result).toMatchObject({ outcome: 'refused' });
    expect(result.reason).toContain('"see-other-host", "ask & see"');
    expect(result.reason).not.toContain('evil.example');
  });

  it('upgrades where the offer is optional, and tells that users may log in in clear', () => {
    const features = `S: <stream:features><starttls ${TLS}/>${PLAIN}</stream:features>\n`;
    const { result } = play(XMPP, `${OPENED}${features}`, { policy: 'never' });
    expect(result).toMatchObject({ outcome: 'clear', credentialsInClear: true });
    expect(play(XMPP, OFFERED, { policy: 'never' }).result.credentialsInClear).toBe(false);
  });

  it('names the domain, escaped, and refuses more than one line', () => {
    const domain = "a&b'c";
    const text = `C~ .*to='a&amp;b&apos;c'.*\nS: ${ROOT}\nS: <stream:features/>\n${LEAVE}`;
    expect(play(XMPP, text, { parties: { host: domain, self: '' } }).result.outcome).toBe('notOffered');
    expect(() => play(XMPP, text, { parties: { host: 'a\nb', self: '' } })).toThrow(/LF/);
  });

  it('says an element at a time', () => {
    const { exchanges } = play(XMPP, `${OPENING}${GO}<TLS>\n`, { renew: false });
    const heard = exchanges.filter(({ from }) => from === 'server').map(({ bytes }) => Buffer.from(bytes).toString());
    expect(heard).toEqual([
      ROOT,
      `<stream:features><starttls ${TLS}><required/></starttls></stream:features>`,
      `<proceed ${TLS}/>`,
    ]);
  });
});

const SERVER_HELLO = `C: <?xml version='1.0'?><stream:stream to='mx.example' from='client.example' version='1.0' xmlns='jabber:server' ${STREAMS} xmlns:db='jabber:server:dialback'>\n`;

clientVectors(XMPP_SERVER, {
  upgrades: [
    [
      'xmpp-server-upgrade',
      {
        greeting: 'mx.example',
        preTlsCapabilities: ['starttls', 'dialback'],
        postTlsCapabilities: ['dialback'],
        credentialsInClear: false,
      },
    ],
  ],
  opening: `${SERVER_HELLO}S: ${ROOT}<stream:features><starttls ${TLS}/></stream:features>\n${TRIGGER}`,
  go: GO,
  renewal: `${SERVER_HELLO}S: ${ROOT}<stream:features/>\n`,
  renewed: [],
  leave: LEAVE,
  missing: [['no offer', `${SERVER_HELLO}S: ${ROOT}<stream:features/>\n`, 'notOffered']],
  refusals: [],
  finalRefusals: [['a failure', `S: <failure ${TLS}></failure>\n`, 'failure']],
  injections: [['an element', `S! <stream:features/>\n`]],
  failures: [],
});

const CLIENT = `C: <stream:stream to='mx.example' version='1.0' xmlns='jabber:client' ${STREAMS}>\n`;
const GREETED = `S~ <\\?xml version='1\\.0'\\?><stream:stream from='mx\\.example' id='[0-9a-f]{16}'.*version='1\\.0'.*>\n`;
const FEATURES = `S: <stream:features><starttls ${TLS}><required/></starttls></stream:features>\n`;
const INSIDE = `S: <stream:features>${PLAIN}</stream:features>\n`;
const ENCRYPTED = `${CLIENT}${GREETED}${FEATURES}${TRIGGER}${GO}<TLS>\n${CLIENT}${GREETED}${INSIDE}`;
const AUTH = `C: <auth ${SASL} mechanism='PLAIN'>AHUAcA==</auth>\n`;
const SUCCESS = `S: <success ${SASL}/>\n`;
const BIND = "xmlns='urn:ietf:params:xml:ns:xmpp-bind'";
const BYE = `${LEAVE}S: </stream:stream>\n`;
const policy = (condition: string): string =>
  `S: <stream:error><${condition} ${ERRORS}/></stream:error></stream:stream>\n`;

serverVectors(XMPP, {
  whole: [
    [
      'a user',
      [
        `${ENCRYPTED}${AUTH}${SUCCESS}${CLIENT}${GREETED}S: <stream:features><bind ${BIND}/></stream:features>\n`,
        `C: <iq type='set' id='1'><bind ${BIND}/></iq>\n`,
        "S~ <iq type='result' id='1'>.*<jid>user@mx\\.example/tcpx</jid>.*\n",
        "C: <presence/> <iq type='get' id='a&lt;'><query xmlns='x'/></iq>\n",
        `S~ <iq type='error' id='a&lt;'>.*service-unavailable.*\n${BYE}`,
      ].join(''),
    ],
  ],
  opening: `${CLIENT}${GREETED}${FEATURES}`,
  trigger: TRIGGER,
  go: GO,
  injections: [
    ['a whole element', `C! ${AUTH.slice(3)}`],
    ['half an element', 'C! <au\n'],
    ['a stream', `C! ${CLIENT.slice(3)}`],
    ['white space', 'C! ↵\n'],
  ],
  afresh: `${CLIENT}${GREETED}${INSIDE}`,
  exchanges: [
    [
      'lets nobody log in in clear',
      `${CLIENT}${GREETED}${FEATURES}${AUTH}S: <failure ${SASL}><encryption-required/></failure>\n`,
    ],
    ['takes nothing else in clear', `${CLIENT}${GREETED}${FEATURES}C: <message/>\n${policy('policy-violation')}`],
    ['refuses <starttls/> inside TLS', `${ENCRYPTED}${TRIGGER}S: <failure ${TLS}/></stream:stream>\n`],
    ['wants a version', `${CLIENT.replace(" version='1.0'", '')}${GREETED}${policy('unsupported-version')}`],
    [
      'wants the namespace of streams',
      `C: <stream:stream version='1.0' xmlns:stream='x'>\n${GREETED}${policy('invalid-namespace')}`,
    ],
    ['says goodbye', `${CLIENT}${GREETED}${FEATURES}${BYE}`],
    ['takes white space', `${CLIENT}${GREETED}${FEATURES}C:  ⏎\nC:  ⏎\n${LEAVE}S: </stream:stream>\n`],
  ],
  malformed: [
    ['bad XML', `${CLIENT}${GREETED}${FEATURES}C: <a></b>\n${policy('not-well-formed')}`],
    ['a comment', `${CLIENT}${GREETED}${FEATURES}C: <!-- x -->\n${policy('not-well-formed')}`],
    ['a request of another protocol', 'C: GET / HTTP/1.1⏎\nC: <x>\n'],
  ],
});

describe('XMPP between servers as a server', () => {
  it('answers dialback inside TLS', () => {
    const greeted = "S~ <\\?xml.* to='client\\.example' .*xmlns='jabber:server'.*>\n";
    const text = `${SERVER_HELLO}${greeted}${FEATURES}${TRIGGER}${GO}<TLS>\n${SERVER_HELLO}${greeted}S~ .*EXTERNAL.*dialback.*\nC: <db:result from='client.example' to='mx.example'>key</db:result>\nS: <db:result from='mx.example' to='client.example' type='valid'/>\n${BYE}`;
    const { channel, service } = playServer(XMPP_SERVER, text);
    expect(service).toMatchObject({ commandsInTls: 2 });
    expect(channel.next).toBeUndefined();
  });
});
