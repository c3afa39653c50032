/**
 * LDAP and its extended operation StartTLS (RFC 4511 §4.14, RFC 4513 §3), in BER.
 *
 *   C: [1] search of the root DSE            which extensions are there
 *   S: [1] entry, done
 *   C: [2] StartTLS
 *   S: [2] result 0                          1, 2, 10, 51, 52 and others are no
 *   <TLS>
 *   C: [3] search of the root DSE            what was said in clear is void
 *
 * A server may not answer anonymous searches in clear; StartTLS is asked for then all the same. It may end the
 * connection unasked with a notice, which has the number 0. OpenLDAP answers a search before it counts it as done, so that
 * a StartTLS right behind it may be refused by result 1; it is then asked for again.
 */
import {
  type BerValue,
  BOOLEAN,
  constructed,
  ENUMERATED,
  integer,
  OCTET_STRING,
  primitive,
  SEQUENCE,
  SET,
} from '../core/ber.ts';
import { type Op, sleepOp } from '../core/op.ts';
import { mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Reply } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { integerOf, itemsOf, textOf } from './ldap-ber.ts';
import {
  BASE_OBJECT,
  BIND_REQUEST,
  BIND_RESPONSE,
  EXTENDED_REQUEST,
  EXTENDED_RESPONSE,
  message,
  messageOf,
  messageOp,
  NOTICE_OF_DISCONNECTION,
  PRESENT,
  REQUEST_NAME,
  RESPONSE_NAME,
  RESULT,
  resultName,
  SEARCH_DONE,
  SEARCH_ENTRY,
  SEARCH_REFERENCE,
  SEARCH_REQUEST,
  START_TLS,
  UNBIND_REQUEST,
} from './ldap-message.ts';
import { ldapServer } from './ldap-server.ts';
import { quoted } from './quoted.ts';
import type { Wire } from './wire.ts';

/** Numbers of the requests: a dialogue makes each once, StartTLS as often as it has numbers. */
const OPENING = 1;
const TRIGGERS = [2, 5, 6, 7] as const;
const RENEWAL = 3;
const LEAVE = 4;
/** How long the server gets to be done with what it has answered, in ms; each time thrice as long. */
const PAUSE = 10;

/** What is asked of the root DSE (RFC 4512 §5.1, RFC 3045). */
const ATTRIBUTES = ['supportedLDAPVersion', 'supportedExtension', 'supportedSASLMechanisms', 'vendorName'] as const;
const EXTENSIONS = ATTRIBUTES[1];
/** More messages than a search for one entry has any reason to bring. */
const MOST_MESSAGES = 100;

/*
 * search = base scope aliases size-limit time-limit types-only filter attributes
 */
/** A search for attributes of the root DSE. */
export function rootSearch(id: number, attributes: readonly string[]): Buffer {
  const search = constructed(
    SEARCH_REQUEST,
    primitive(OCTET_STRING, ''),
    integer(BASE_OBJECT, ENUMERATED),
    integer(0, ENUMERATED),
    integer(0),
    integer(0),
    primitive(BOOLEAN, Buffer.alloc(1)),
    primitive(PRESENT, 'objectClass'),
    constructed(SEQUENCE, ...attributes.map((name) => primitive(OCTET_STRING, name))),
  );
  return message(id, search);
}

interface RootDse {
  readonly result: number;
  /** Values by attribute, as the server spells it. */
  readonly values: readonly (readonly [string, string])[];
}

function* rootDseOp(wire: Wire, id: number): Op<RootDse> {
  yield* wire.sendOp(rootSearch(id, ATTRIBUTES));
  const values: (readonly [string, string])[] = [];
  for (let count = 0; count < MOST_MESSAGES; count += 1) {
    const operation = yield* responseOp(wire, id);
    if (operation.tag === SEARCH_ENTRY) values.push(...valuesOf(operation));
    else if (operation.tag === SEARCH_DONE) return { result: resultOf(operation).code, values };
    else if (operation.tag !== SEARCH_REFERENCE) {
      throw new DialogueError('malformed', `operation ${operation.tag} is no answer to a search`);
    }
  }
  throw new DialogueError('malformed', `more than ${MOST_MESSAGES} messages in answer to a search for one entry`);
}

/*
 * entry = name attributes;  attribute = type values
 */
function valuesOf(entry: BerValue): (readonly [string, string])[] {
  const what = 'the entry';
  const [, attributes] = itemsOf(entry, SEARCH_ENTRY, 2, what);
  return itemsOf(attributes, SEQUENCE, 0, what).flatMap((attribute) => {
    const [type, values] = itemsOf(attribute, SEQUENCE, 2, what);
    const name = textOf(type, OCTET_STRING, what);
    return itemsOf(values, SET, 0, what).map((value) => [name, textOf(value, OCTET_STRING, what)] as const);
  });
}

/** The operation of the next message, which must be an answer to the request. */
function* responseOp(wire: Wire, id: number): Op<BerValue> {
  const { id: answered, operation } = yield* messageOp(wire);
  if (answered === id) return operation;
  if (answered === 0 && operation.tag === EXTENDED_RESPONSE) {
    const { name, code } = resultOf(operation);
    if (name === NOTICE_OF_DISCONNECTION) {
      throw new DialogueError('closed', `the server gives notice of disconnection: ${code} ${resultName(code)}`);
    }
  }
  throw new DialogueError('malformed', `the server answers request ${answered}, which is not outstanding`);
}

interface Result {
  readonly code: number;
  readonly diagnostic: string;
  /** The responseName of an extended operation. */
  readonly name: string | null;
}

/*
 * result = code matched-name diagnostic [referral] [response-name] [response-value]
 */
function resultOf(operation: BerValue): Result {
  const what = 'the result';
  const [code, , diagnostic, ...optional] = itemsOf(operation, operation.tag, 3, what);
  const name = optional.find(({ tag }) => tag === RESPONSE_NAME);
  return {
    code: integerOf(code, ENUMERATED, what),
    diagnostic: textOf(diagnostic, OCTET_STRING, what),
    name: name === undefined ? null : textOf(name, RESPONSE_NAME, what),
  };
}

/** As the protocol has it: `supportedExtension: 1.3.6.1.4.1.1466.20037`. */
function listed({ result, values }: RootDse): readonly string[] {
  const refused = result === RESULT.success ? [] : [`resultCode: ${result} ${resultName(result)}`];
  return [...refused, ...values.map(([name, value]) => `${name}: ${value}`)];
}

const CLEAR_REFUSED = `resultCode: ${RESULT.confidentialityRequired} ${resultName(RESULT.confidentialityRequired)}`;

const client: ClientDialogue = {
  trigger: 'StartTLS',
  *openOp(wire) {
    const rootDse = yield* rootDseOp(wire, OPENING);
    const extensions = rootDse.values
      .filter(([name]) => name.toLowerCase() === EXTENSIONS.toLowerCase())
      .map(([, value]) => value);
    const hidden = extensions.length === 0;
    return {
      greeting: '',
      capabilities: listed(rootDse),
      offer: hidden ? 'unasked' : extensions.includes(START_TLS) ? 'offered' : 'missing',
      obstacle: null,
      suspicion: hidden ? null : mutilated(extensions, START_TLS),
    };
  },
  *requestOp(wire) {
    const [first, ...again] = TRIGGERS;
    let result = yield* startTlsOp(wire, first);
    let pause = PAUSE;
    for (const id of again) {
      if (result.code !== RESULT.operationsError) break;
      yield* sleepOp(wire.until.atMost(pause));
      pause *= 3;
      result = yield* startTlsOp(wire, id);
    }
    return replyOf(result);
  },
  *renewOp(wire) {
    return listed(yield* rootDseOp(wire, RENEWAL));
  },
  *leaveOp(wire) {
    yield* wire.sendOp(message(LEAVE, primitive(UNBIND_REQUEST, '')));
  },
  // Whether a simple bind would be taken is not announced.
  credentialsInClear: ({ capabilities }) => (capabilities.includes(CLEAR_REFUSED) ? false : null),
};

function* startTlsOp(wire: Wire, id: number): Op<Result> {
  const request = constructed(EXTENDED_REQUEST, primitive(REQUEST_NAME, START_TLS));
  yield* wire.sendOp(message(id, request));
  const operation = yield* responseOp(wire, id);
  if (operation.tag === EXTENDED_RESPONSE) return resultOf(operation);
  throw new DialogueError('malformed', `operation ${operation.tag} is no answer to StartTLS`);
}

/** Other servers that a referral names are left out: in clear, anybody may have named them. */
function replyOf({ code, diagnostic, name }: Result): Reply {
  const accepted = code === RESULT.success;
  if (accepted && name !== null && name !== START_TLS) {
    throw new DialogueError('malformed', `the answer to StartTLS is one to ${quoted(name)}`);
  }
  const text = diagnostic === '' ? resultName(code) : `${resultName(code)}: ${diagnostic}`;
  return { accepted, code: String(code), enhanced: null, text };
}

const OPERATIONS: ReadonlyMap<number, string> = new Map([
  [BIND_REQUEST, 'bindRequest'],
  [BIND_RESPONSE, 'bindResponse'],
  [UNBIND_REQUEST, 'unbindRequest'],
  [SEARCH_REQUEST, 'searchRequest'],
  [SEARCH_ENTRY, 'searchResultEntry'],
  [SEARCH_DONE, 'searchResultDone'],
  [SEARCH_REFERENCE, 'searchResultReference'],
  [EXTENDED_REQUEST, 'extendedRequest'],
  [EXTENDED_RESPONSE, 'extendedResponse'],
]);
const RESULTS: ReadonlySet<number> = new Set([BIND_RESPONSE, SEARCH_DONE, EXTENDED_RESPONSE]);

function describe(_from: 'client' | 'server', bytes: Uint8Array): string {
  try {
    const { id, operation } = messageOf(bytes);
    const name = OPERATIONS.get(operation.tag) ?? `operation ${operation.tag}`;
    if (RESULTS.has(operation.tag)) {
      const { code } = resultOf(operation);
      return `[${id}] ${name} ${code} ${resultName(code)}`;
    }
    const [first] = operation.items;
    const what = operation.tag === EXTENDED_REQUEST ? textOf(first, REQUEST_NAME, 'the request') : '';
    return `[${id}] ${name} ${what === START_TLS ? 'StartTLS' : what}`.trim();
  } catch (error) {
    if (error instanceof DialogueError) return `${bytes.length} bytes: ${error.message}`;
    throw error;
  }
}

export const LDAP: Dialect = {
  name: 'ldap',
  title: 'LDAP',
  spec: 'RFC 4511 §4.14, 4513 §3',
  scheme: 'ldap',
  directScheme: 'ldaps',
  port: 389,
  directPort: 636,
  alpn: null,
  alpnOnUpgrade: false,
  redo: 'the search of the root DSE, then bind',
  describe,
  client,
  server: ldapServer,
};
