/** The certificate status that a server staples into its handshake (RFC 6066 §8, RFC 6960), as far as people look at it. */
import {
  BerError,
  type BerValue,
  decode,
  ENUMERATED,
  INTEGER,
  integerOf,
  itemsOf,
  OCTET_STRING,
  SEQUENCE,
} from '../core/ber.ts';
import { asBuffer } from '../core/bytes.ts';
import type { StapledResponse } from './info.ts';

/** What a stapled response says. */
export interface StapledStatus {
  /** `unavailable`: the responder had no answer. `unreadable`: this is no OCSP response. */
  readonly status: 'good' | 'revoked' | 'unknown' | 'unavailable' | 'unreadable';
  /** ISO 8601, UTC; null where it is not told. */
  readonly thisUpdate: string | null;
  readonly nextUpdate: string | null;
  /** Whether the TLS library has checked it; OpenSSL under Node never does. */
  readonly checked: boolean;
}

const WHAT = 'the OCSP response';
const SUCCESSFUL = 0;
const EXPLICIT_0 = 0xa0;
const RESPONDER_TAGS: readonly number[] = [0xa1, 0xa2];
const GENERALIZED_TIME = 0x18;
/** CertStatus: good [0] NULL, revoked [1] SEQUENCE, unknown [2] NULL, all IMPLICIT. */
const STATUSES: ReadonlyMap<number, StapledStatus['status']> = new Map([
  [0x80, 'good'],
  [0xa1, 'revoked'],
  [0x82, 'unknown'],
]);

/** What a stapled response says of the server's own certificate. */
export function describeStaple({ response, checked }: StapledResponse): StapledStatus {
  try {
    return { ...statusOf(response), checked };
  } catch (error) {
    if (!(error instanceof BerError)) throw error;
    return { status: 'unreadable', thisUpdate: null, nextUpdate: null, checked };
  }
}

/*
 * OCSPResponse  ::= SEQUENCE { responseStatus ENUMERATED, [0] { SEQUENCE { type OID, OCTET STRING of BasicOCSPResponse } } }
 * BasicOCSPResponse ::= SEQUENCE { ResponseData, ... }
 * ResponseData  ::= SEQUENCE { [0] version OPTIONAL, responderID [1] or [2], producedAt, SEQUENCE OF SingleResponse, ... }
 * SingleResponse ::= SEQUENCE { certID, certStatus, thisUpdate, [0] nextUpdate OPTIONAL, ... }
 */
function statusOf(response: Uint8Array): Omit<StapledStatus, 'checked'> {
  const [answered, bytes] = itemsOf(decode(response, WHAT), SEQUENCE, 1, WHAT);
  if (integerOf(answered, ENUMERATED, WHAT) !== SUCCESSFUL) {
    return { status: 'unavailable', thisUpdate: null, nextUpdate: null };
  }
  const [typed] = itemsOf(bytes, EXPLICIT_0, 1, WHAT);
  const [, basic] = itemsOf(typed, SEQUENCE, 2, WHAT);
  if (basic?.tag !== OCTET_STRING) throw new BerError(`${WHAT} is of a kind that nobody uses`);
  const [data] = itemsOf(decode(basic.bytes, WHAT), SEQUENCE, 1, WHAT);
  const fields = itemsOf(data, SEQUENCE, 3, WHAT);
  const responder = fields.findIndex(({ tag }) => RESPONDER_TAGS.includes(tag));
  const [single] = itemsOf(fields[responder + 2], SEQUENCE, 1, WHAT);
  const [, status, thisUpdate, nextUpdate] = itemsOf(single, SEQUENCE, 3, WHAT);
  return {
    status: STATUSES.get(status?.tag ?? 0) ?? 'unreadable',
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: nextUpdate?.tag === EXPLICIT_0 ? timeOf(nextUpdate.items[0]) : null,
  };
}

/**
 * Why a server is not to be trusted by what it staples, in OpenSSL's words; null when it may be. The reasons are those of
 * GnuTLS: a staple that says revoked, cannot be read or is out of date, and none where the certificate demands one.
 *
 * @param staple null when there is none
 * @param certificate the server's own, DER
 * @param now ms since 1970
 */
export function stapleError(staple: StapledResponse | null, certificate: Uint8Array, now: number): string | null {
  const told = staple === null ? null : describeStaple(staple);
  // A responder without an answer is as good as none.
  if (told === null || told.status === 'unavailable') return demandsStaple(certificate) ? 'OCSP_VERIFY_NEEDED' : null;
  if (told.status === 'revoked') return 'CERT_REVOKED';
  const outOfDate = told.nextUpdate !== null && Date.parse(told.nextUpdate) < now;
  return told.status === 'unreadable' || outOfDate ? 'OCSP_VERIFY_FAILED' : null;
}

/** 1.3.6.1.5.5.7.1.24, the extension of RFC 7633 for what a server's TLS must have, and its number for a stapled status. */
const TLS_FEATURE = Buffer.from('2b06010505070118', 'hex');
const STATUS_REQUEST = 5;
const EXTENSIONS = 0xa3;
const OBJECT_IDENTIFIER = 0x06;

/** Whether a server with this certificate has to staple a status. One that cannot be read does. */
function demandsStaple(certificate: Uint8Array): boolean {
  // Few certificates have the extension: the others spare us the library for BER.
  if (!asBuffer(certificate).includes(TLS_FEATURE)) return false;
  try {
    return featuresOf(certificate).includes(STATUS_REQUEST);
  } catch (error) {
    if (error instanceof BerError) return true;
    throw error;
  }
}

/*
 * Certificate ::= SEQUENCE { TBSCertificate, ... }
 * TBSCertificate ::= SEQUENCE { ..., [3] SEQUENCE OF SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } }
 * Features ::= SEQUENCE OF INTEGER
 */
function featuresOf(certificate: Uint8Array): number[] {
  const what = 'the certificate';
  const [signed] = itemsOf(decode(certificate, what), SEQUENCE, 1, what);
  const [list] = signed?.items.find(({ tag }) => tag === EXTENSIONS)?.items ?? [];
  const extension = list?.items.find(
    ({ items: [id] }) => id?.tag === OBJECT_IDENTIFIER && id.bytes.equals(TLS_FEATURE),
  );
  const value = extension?.items.at(-1);
  if (value === undefined) return [];
  return itemsOf(decode(value.bytes, what), SEQUENCE, 0, what).map((feature) => integerOf(feature, INTEGER, what));
}

/** `20261121093000Z` */
function timeOf(value: BerValue | undefined): string | null {
  const text = value?.tag === GENERALIZED_TIME ? value.bytes.toString('latin1') : '';
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  return match === null ? null : `${match.slice(1, 4).join('-')}T${match.slice(4).join(':')}.000Z`;
}
