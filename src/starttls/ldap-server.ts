/** The server's part of LDAP: a root DSE, StartTLS, and binds that succeed inside TLS only. */
import {
  type BerValue,
  constructed,
  ENUMERATED,
  INTEGER,
  integer,
  OCTET_STRING,
  primitive,
  SEQUENCE,
  SET,
} from '../core/ber.ts';
import type { Op } from '../core/op.ts';
import type { Served, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { integerOf, itemsOf, textOf } from './ldap-ber.ts';
import {
  ABANDON_REQUEST,
  BASE_OBJECT,
  BIND_REQUEST,
  BIND_RESPONSE,
  EXTENDED_REQUEST,
  EXTENDED_RESPONSE,
  type Message,
  message,
  messageOp,
  NOTICE_OF_DISCONNECTION,
  REQUEST_NAME,
  REQUEST_VALUE,
  RESPONSE_NAME,
  RESULT,
  SEARCH_DONE,
  SEARCH_ENTRY,
  SEARCH_REQUEST,
  START_TLS,
  UNBIND_REQUEST,
  WHO_AM_I,
} from './ldap-message.ts';
import { CLOSED, SERVED, takesLogin } from './server-command.ts';
import type { Wire } from './wire.ts';

const WHAT = 'the request';
const VERSION = 3;
/** The password of a simple bind, in the context class. */
const SIMPLE = 0x80;
/** Requests to change something are answered under the tag behind theirs (RFC 4511 §4.6 to §4.10). */
const CHANGES: ReadonlySet<number> = new Set([0x66, 0x68, 0x4a, 0x6c, 0x6e]);

function result(tag: number, code: number, diagnostic = '', ...more: readonly BerValue[]): BerValue {
  const text = [primitive(OCTET_STRING, ''), primitive(OCTET_STRING, diagnostic)];
  return constructed(tag, integer(code, ENUMERATED), ...text, ...more);
}

/** The answer to what has to wait for TLS. */
function confidentialityRequired(tag: number): BerValue {
  return result(tag, RESULT.confidentialityRequired, 'TLS first');
}

function rootDse({ encrypted, attack }: Session): ReadonlyMap<string, readonly string[]> {
  const trigger = attack === 'omit' ? [] : [attack === 'rename' ? `${START_TLS}0` : START_TLS];
  const bait = attack === 'tamper' && !encrypted ? ['PLAIN'] : [];
  return new Map([
    ['objectClass', ['top']],
    ['supportedLDAPVersion', [String(VERSION)]],
    ['supportedExtension', encrypted ? [WHO_AM_I] : [...trigger, WHO_AM_I]],
    ['supportedSASLMechanisms', encrypted ? ['EXTERNAL'] : bait],
    ['vendorName', ['tcpx']],
  ]);
}

function entryOf(session: Session, wanted: readonly string[]): BerValue {
  const all = wanted.length === 0 || wanted.includes('*') || wanted.includes('+');
  const names = new Set(wanted.map((name) => name.toLowerCase()));
  const attributes = [...rootDse(session)].filter(([name, values]) => {
    return values.length > 0 && (all || names.has(name.toLowerCase()));
  });
  const items = attributes.map(([name, values]) =>
    constructed(
      SEQUENCE,
      primitive(OCTET_STRING, name),
      constructed(SET, ...values.map((value) => primitive(OCTET_STRING, value))),
    ),
  );
  return constructed(SEARCH_ENTRY, primitive(OCTET_STRING, ''), constructed(SEQUENCE, ...items));
}

/*
 * search = base scope aliases size-limit time-limit types-only filter attributes
 */
function search(operation: BerValue, session: Session): readonly BerValue[] {
  const [base, scope, , , , , , attributes] = itemsOf(operation, SEARCH_REQUEST, 8, WHAT);
  const wanted = itemsOf(attributes, SEQUENCE, 0, WHAT).map((name) => textOf(name, OCTET_STRING, WHAT));
  if (textOf(base, OCTET_STRING, WHAT) === '' && integerOf(scope, ENUMERATED, WHAT) === BASE_OBJECT) {
    return [entryOf(session, wanted), result(SEARCH_DONE, RESULT.success)];
  }
  if (!session.encrypted) return [confidentialityRequired(SEARCH_DONE)];
  return [result(SEARCH_DONE, RESULT.noSuchObject, 'there is a root DSE and nothing else')];
}

/*
 * bind = version name ([0] password / [3] SASL)
 */
function bind(operation: BerValue, session: Session): BerValue {
  const [version, , proof] = itemsOf(operation, BIND_REQUEST, 3, WHAT);
  if (integerOf(version, INTEGER, WHAT) !== VERSION) {
    return result(BIND_RESPONSE, RESULT.protocolError, 'version 3 is spoken here');
  }
  if (!takesLogin(session)) return confidentialityRequired(BIND_RESPONSE);
  if (proof?.tag === SIMPLE) {
    if (proof.bytes.length > 0) session.memory.set('user', '');
    return result(BIND_RESPONSE, RESULT.success);
  }
  return result(BIND_RESPONSE, RESULT.authMethodNotSupported, 'simple binds are taken here');
}

function* extendedOp(wire: Wire, session: Session, id: number, operation: BerValue): Op<Served> {
  const { encrypted, attack } = session;
  const [name, value] = itemsOf(operation, EXTENDED_REQUEST, 1, WHAT);
  const oid = textOf(name, REQUEST_NAME, WHAT);
  const sayOp = (code: number, diagnostic = '', ...more: readonly BerValue[]) =>
    wire.sendOp(message(id, result(EXTENDED_RESPONSE, code, diagnostic, ...more)));
  if (oid === WHO_AM_I && encrypted) yield* sayOp(RESULT.success);
  else if (oid !== START_TLS) yield* sayOp(RESULT.protocolError, 'no such extended operation');
  else if (encrypted) yield* sayOp(RESULT.operationsError, 'TLS is active already');
  else if (value?.tag === REQUEST_VALUE) yield* sayOp(RESULT.protocolError, 'StartTLS takes no value');
  else if (attack === 'refuse') yield* sayOp(RESULT.unavailable, 'TLS not available');
  else {
    const goAhead = result(EXTENDED_RESPONSE, RESULT.success, '', primitive(RESPONSE_NAME, START_TLS));
    return { kind: 'upgrade', goAhead: message(id, goAhead) };
  }
  return SERVED;
}

function disconnection(diagnostic: string): Buffer {
  const notice = primitive(RESPONSE_NAME, NOTICE_OF_DISCONNECTION);
  return message(0, result(EXTENDED_RESPONSE, RESULT.protocolError, diagnostic, notice));
}

/** The next message. One that cannot be read ends the connection, with a notice (RFC 4511 §4.1.1). */
function* requestOp(wire: Wire): Op<Message> {
  try {
    return yield* messageOp(wire);
  } catch (error) {
    if (error instanceof DialogueError && error.fault === 'malformed') yield* wire.sendOp(disconnection(error.message));
    throw error;
  }
}

export const ldapServer: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'omit', 'rename', 'refuse', 'tamper', 'garbage', 'silence', 'drip'],
  /** Answers the search that the client is about to make inside TLS. */
  injection: Buffer.from('300c02010365070a010004000400', 'hex'),
  *greetOp() {},
  *renewedOp() {},
  *commandOp(wire, session) {
    if (yield* wire.endOp()) return CLOSED;
    const { id, operation } = yield* requestOp(wire);
    if (session.attack === 'garbage') {
      yield* wire.sendOp('\x01\x02 what');
      return SERVED;
    }
    function* sayOp(...answers: readonly BerValue[]): Op<void> {
      for (const answer of answers) yield* wire.sendOp(message(id, answer));
    }
    switch (operation.tag) {
      case EXTENDED_REQUEST:
        return yield* extendedOp(wire, session, id, operation);
      case BIND_REQUEST:
        yield* sayOp(bind(operation, session));
        return SERVED;
      case SEARCH_REQUEST:
        yield* sayOp(...search(operation, session));
        return SERVED;
      case ABANDON_REQUEST:
        return SERVED;
      case UNBIND_REQUEST:
        return CLOSED;
    }
    if (CHANGES.has(operation.tag)) {
      const tag = (operation.tag & 0x1f) | 0x61;
      yield* sayOp(session.encrypted ? result(tag, RESULT.unwillingToPerform) : confidentialityRequired(tag));
      return SERVED;
    }
    yield* wire.sendOp(disconnection('no such operation'));
    throw new DialogueError('malformed', `operation ${operation.tag} is none of a client`);
  },
};
