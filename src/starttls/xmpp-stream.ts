/** Names, headers and errors of XMPP streams, for both roles. */
import { escaped } from './xml-stream.ts';

export const STREAMS = 'http://etherx.jabber.org/streams';
export const STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';
export const TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
export const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
export const STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
export const DIALBACK = 'jabber:server:dialback';

/** Who speaks to a server: a user's client, or another server. */
export type Content = 'jabber:client' | 'jabber:server';

/** The start of a stream, in UTF-8. */
export function header(content: Content, attributes: Readonly<Record<string, string>>): Buffer {
  const dialback = content === 'jabber:server' ? { 'xmlns:db': DIALBACK } : {};
  const all = { ...attributes, xmlns: content, 'xmlns:stream': STREAMS, ...dialback };
  const text = Object.entries(all).map(([name, value]) => ` ${name}='${escaped(value)}'`);
  return Buffer.from(`<?xml version='1.0'?><stream:stream${text.join('')}>`, 'utf8');
}

export const STREAM_END = '</stream:stream>';
