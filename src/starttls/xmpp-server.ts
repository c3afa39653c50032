/** The server's part of XMPP: nothing but <starttls/> in clear, and inside TLS as much as a client needs to log in. */
import { randomBytes } from 'node:crypto';
import type { Op } from '../core/op.ts';
import type { Served, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { CLOSED, SERVED, takesLogin } from './server-command.ts';
import type { Wire } from './wire.ts';
import { escaped, type XmlElement, XmlStream } from './xml-stream.ts';
import {
  BIND,
  type Content,
  DIALBACK,
  header,
  SASL,
  STANZA_ERRORS,
  STREAM_END,
  STREAM_ERRORS,
  STREAMS,
  TLS,
} from './xmpp-stream.ts';

/** The stream that a session has open; none before the client's header, and none between SASL and the next header. */
const streams = new WeakMap<Session, XmlStream>();

type StreamError = 'invalid-namespace' | 'not-well-formed' | 'policy-violation' | 'unsupported-version';

function streamError(condition: StreamError): string {
  return `<stream:error><${condition} xmlns='${STREAM_ERRORS}'/></stream:error>${STREAM_END}`;
}

function features(content: Content, { encrypted, attack, memory }: Session): string {
  const starttls = `<starttls xmlns='${TLS}'><required/></starttls>`;
  const plain = `<mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism></mechanisms>`;
  const external = `<mechanisms xmlns='${SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>`;
  const dialback = "<dialback xmlns='urn:xmpp:features:dialback'/>";
  const bind = `<bind xmlns='${BIND}'/>`;
  const login = memory.has('user') ? bind : plain;
  const inside = () => (content === 'jabber:server' ? external + dialback : login);
  const inClear = () => {
    if (attack === 'omit') return login;
    return attack === 'rename' ? `<XXXXXXXA xmlns='${TLS}'/>${login}` : starttls;
  };
  return `<stream:features>${encrypted ? inside() : inClear()}</stream:features>`;
}

/** Answers the header of a client's stream. */
function* headerOp(wire: Wire, session: Session, content: Content): Op<Served> {
  const stream = new XmlStream(wire);
  const root = yield* stream.rootOp();
  const { attack, memory } = session;
  const to = root.attributes.get('from');
  const addressed = to === undefined ? {} : { to };
  // It answers for every domain that it is asked for.
  const from = root.attributes.get('to') ?? session.host;
  memory.set('domain', from);
  const version: Readonly<Record<string, string>> = attack === 'no-hello' ? {} : { version: '1.0' };
  yield* wire.sendOp(
    header(content, { from, ...addressed, id: randomBytes(8).toString('hex'), 'xml:lang': 'en', ...version }),
  );
  if (root.name !== 'stream' || root.namespace !== STREAMS) {
    yield* wire.sendOp(streamError('invalid-namespace'));
    return CLOSED;
  }
  if (!root.attributes.has('version')) {
    yield* wire.sendOp(streamError('unsupported-version'));
    return CLOSED;
  }
  streams.set(session, stream);
  if (attack === 'garbage') yield* wire.sendOp('<\x01 what>');
  else if (attack !== 'no-hello') yield* wire.sendOp(features(content, session));
  return SERVED;
}

const PROCEED = `<proceed xmlns='${TLS}'/>`;

/** The client opens the stream anew. */
function* successOp(wire: Wire, session: Session): Op<Served> {
  session.memory.set('user', '');
  streams.delete(session);
  yield* wire.sendOp(`<success xmlns='${SASL}'/>`);
  return SERVED;
}

function* clearElementOp(wire: Wire, session: Session, { name, namespace }: XmlElement): Op<Served> {
  const { attack } = session;
  if (name === 'starttls' && namespace === TLS && attack !== 'refuse') {
    return { kind: 'upgrade', goAhead: Buffer.from(PROCEED, 'latin1') };
  }
  if (name === 'auth' && namespace === SASL) {
    if (takesLogin(session)) return yield* successOp(wire, session);
    yield* wire.sendOp(`<failure xmlns='${SASL}'><encryption-required/></failure>`);
    return SERVED;
  }
  const refused = `<failure xmlns='${TLS}'/>${STREAM_END}`;
  yield* wire.sendOp(namespace === TLS ? refused : streamError('policy-violation'));
  return CLOSED;
}

function* tlsElementOp(wire: Wire, session: Session, element: XmlElement): Op<Served> {
  const { name, namespace, attributes, children } = element;
  const { memory } = session;
  if (namespace === TLS) {
    yield* wire.sendOp(`<failure xmlns='${TLS}'/>${STREAM_END}`);
    return CLOSED;
  }
  if (namespace === SASL && name === 'auth') return yield* successOp(wire, session);
  if (namespace === DIALBACK && name === 'result') {
    const [from, to] = [escaped(attributes.get('to') ?? ''), escaped(attributes.get('from') ?? '')];
    yield* wire.sendOp(`<db:result from='${from}' to='${to}' type='valid'/>`);
  } else if (name === 'iq' && /^(?:get|set)$/.test(attributes.get('type') ?? '')) {
    const id = escaped(attributes.get('id') ?? '');
    const jid = `<bind xmlns='${BIND}'><jid>user@${escaped(memory.get('domain') ?? session.host)}/tcpx</jid></bind>`;
    const error = `<error type='cancel'><service-unavailable xmlns='${STANZA_ERRORS}'/></error>`;
    const binds = memory.has('user') && children.some((child) => child.namespace === BIND);
    yield* wire.sendOp(
      binds ? `<iq type='result' id='${id}'>${jid}</iq>` : `<iq type='error' id='${id}'>${error}</iq>`,
    );
  }
  return SERVED;
}

/** The next element. What cannot be read is answered, and ends the connection. */
function* nextOp(wire: Wire, stream: XmlStream): Op<XmlElement | null> {
  try {
    return yield* stream.elementOp();
  } catch (error) {
    if (error instanceof DialogueError && error.fault === 'malformed') {
      yield* wire.sendOp(streamError('not-well-formed'));
    }
    throw error;
  }
}

export function xmppServer(content: Content): ServerDialogue {
  return {
    attacks: ['inject-line', 'inject-half-line', 'omit', 'rename', 'refuse', 'no-hello', 'garbage', 'silence', 'drip'],
    injection: Buffer.from(
      `<stream:features><mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`,
      'latin1',
    ),
    *greetOp() {},
    *renewedOp() {},
    *commandOp(wire, session) {
      if (yield* wire.endOp()) return CLOSED;
      const stream = streams.get(session);
      if (stream === undefined) return yield* headerOp(wire, session, content);
      const element = yield* nextOp(wire, stream);
      if (element !== null) {
        return yield* session.encrypted ? tlsElementOp(wire, session, element) : clearElementOp(wire, session, element);
      }
      yield* wire.sendOp(STREAM_END);
      return CLOSED;
    },
  };
}
