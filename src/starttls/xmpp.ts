/**
 * XMPP between client and server, and between servers (RFC 6120 §5, RFC 7590; XEP-0368 for TLS from the first byte).
 *
 *   C: <stream:stream to='domain' ...>
 *   S: <stream:stream ...><stream:features><starttls><required/></starttls></stream:features>
 *   C: <starttls/>
 *   S: <proceed/>                                     or <failure/>, and the end
 *   <TLS>
 *   C: <stream:stream to='domain' ...>                a stream of its own, with new features
 *
 * The service is a domain: it is named in the stream, sent as SNI and verified, whatever the host is called.
 */
import type { Op } from '../core/op.ts';
import { mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Parties } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { requireOneLine } from './one-line.ts';
import { quoted } from './quoted.ts';
import type { Wire } from './wire.ts';
import { type XmlElement, XmlStream } from './xml-stream.ts';
import { xmppServer } from './xmpp-server.ts';
import { type Content, header, STREAM_END, STREAM_ERRORS, STREAMS, TLS } from './xmpp-stream.ts';

/** The stream that is open on a wire. The one from before TLS is replaced by another, never read again. */
const streams = new WeakMap<Wire, XmlStream>();

interface Opened {
  readonly root: XmlElement;
  /** Null where the stream is older than features. */
  readonly features: readonly XmlElement[] | null;
}

function* streamOp(wire: Wire, content: Content, { host, self }: Parties): Op<Opened> {
  for (const name of [host, self]) requireOneLine(name);
  const stream = new XmlStream(wire);
  streams.set(wire, stream);
  // A client does not say in clear who it is (RFC 6120 §4.7.1).
  const from: Readonly<Record<string, string>> = content === 'jabber:server' ? { from: self } : {};
  yield* wire.sendOp(header(content, { to: host, ...from, version: '1.0' }));
  const root = yield* stream.rootOp();
  if (root.name !== 'stream' || root.namespace !== STREAMS) {
    throw new DialogueError('malformed', `not a stream of XMPP: it begins with ${quoted(root.name)}`);
  }
  if (!/^[1-9]\d*\.\d+$/.test(root.attributes.get('version') ?? '')) return { root, features: null };
  const features = yield* childOp(stream);
  if (features.name === 'features' && features.namespace === STREAMS) return { root, features: features.children };
  throw new DialogueError('malformed', `${quoted(features.name)} stands where features belong`);
}

/** The next child of the stream, which is no error. */
function* childOp(stream: XmlStream): Op<XmlElement> {
  const element = yield* stream.elementOp();
  if (element === null) throw new DialogueError('closed', 'the server has closed the stream');
  if (element.name !== 'error' || element.namespace !== STREAMS) return element;
  const conditions = element.children.filter(({ namespace }) => namespace === STREAM_ERRORS);
  const condition = conditions.find(({ name }) => name !== 'text')?.name ?? 'an error';
  const text = conditions.find(({ name }) => name === 'text')?.text ?? '';
  const what = text === '' ? quoted(condition) : `${quoted(condition)}, ${quoted(text)}`;
  throw new DialogueError('refused', `the server ends the stream: ${what}`);
}

/** A feature and what it lists: `mechanisms SCRAM-SHA-1 PLAIN`, `starttls required`. */
function listed(features: readonly XmlElement[]): readonly string[] {
  return features.map(({ name, children }) => {
    return [name, ...children.map((child) => (child.text === '' ? child.name : child.text))].join(' ');
  });
}

function suspicionOf(features: readonly XmlElement[] | null): string | null {
  if (features === null) return 'the stream has no version, so that there are no features';
  const names = features.map(({ name }) => name);
  if (names.includes('starttls')) return 'starttls is there in another namespace';
  return mutilated(names, 'STARTTLS');
}

function client(content: Content): ClientDialogue {
  return {
    trigger: '<starttls/>',
    *openOp(wire, parties) {
      const { root, features } = yield* streamOp(wire, content, parties);
      const offered = features?.some(({ name, namespace }) => name === 'starttls' && namespace === TLS) === true;
      return {
        greeting: root.attributes.get('from') ?? '',
        capabilities: listed(features ?? []),
        offer: offered ? 'offered' : 'missing',
        obstacle: null,
        suspicion: offered ? null : suspicionOf(features),
      };
    },
    *requestOp(wire) {
      const stream = streams.get(wire);
      if (stream === undefined) throw new Error('a trigger without a stream');
      yield* wire.sendOp(`<starttls xmlns='${TLS}'/>`);
      const { name, namespace } = yield* childOp(stream);
      if (namespace !== TLS || (name !== 'proceed' && name !== 'failure')) {
        throw new DialogueError('malformed', `${quoted(name)} is no answer to <starttls/>`);
      }
      return { accepted: name === 'proceed', code: name, enhanced: null, text: '', final: name === 'failure' };
    },
    *renewOp(wire, parties) {
      return listed((yield* streamOp(wire, content, parties)).features ?? []);
    },
    *leaveOp(wire) {
      yield* wire.sendOp(STREAM_END);
    },
    credentialsInClear({ capabilities }) {
      return capabilities.some((feature) => /^mechanisms(?: |$)/.test(feature));
    },
  };
}

export const XMPP: Dialect = {
  name: 'xmpp',
  title: 'XMPP, client to server',
  spec: 'RFC 6120 §5, 7590, XEP-0368',
  scheme: 'xmpp',
  directScheme: 'xmpps',
  port: 5222,
  directPort: 5223,
  alpn: 'xmpp-client',
  alpnOnUpgrade: false,
  redo: 'the stream, with its features',
  addressesDomain: true,
  client: client('jabber:client'),
  server: xmppServer('jabber:client'),
};

export const XMPP_SERVER: Dialect = {
  ...XMPP,
  name: 'xmpp-server',
  title: 'XMPP, server to server',
  spec: 'RFC 6120 §5, XEP-0220, XEP-0368',
  scheme: 'xmpp-server',
  directScheme: 'xmpps-server',
  port: 5269,
  directPort: 5270,
  alpn: 'xmpp-server',
  redo: 'the stream, then SASL EXTERNAL or dialback',
  client: client('jabber:server'),
  server: xmppServer('jabber:server'),
};
