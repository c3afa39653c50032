import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  alertName,
  alertNumber,
  alerts,
  alertText,
  gnutlsErrorName,
  gnutlsErrors,
  gnutlsErrorText,
} from '../../src/tls/gnutls-errors.ts';

/** The numbers of reference gnutls.md that TLS over streams can meet. */
const REFERENCE = {
  SUCCESS: 0,
  UNSUPPORTED_VERSION_PACKET: -8,
  UNEXPECTED_PACKET_LENGTH: -9,
  INVALID_SESSION: -10,
  FATAL_ALERT_RECEIVED: -12,
  UNEXPECTED_PACKET: -15,
  WARNING_ALERT_RECEIVED: -16,
  ERROR_IN_FINISHED_PACKET: -18,
  UNEXPECTED_HANDSHAKE_PACKET: -19,
  DECRYPTION_FAILED: -24,
  MEMORY_ERROR: -25,
  AGAIN: -28,
  EXPIRED: -29,
  DB_ERROR: -30,
  INSUFFICIENT_CREDENTIALS: -32,
  REHANDSHAKE: -37,
  GOT_APPLICATION_DATA: -38,
  CERTIFICATE_ERROR: -43,
  KEY_USAGE_VIOLATION: -48,
  NO_CERTIFICATE_FOUND: -49,
  INVALID_REQUEST: -50,
  SHORT_MEMORY_BUFFER: -51,
  INTERRUPTED: -52,
  PUSH_ERROR: -53,
  PULL_ERROR: -54,
  RECEIVED_ILLEGAL_PARAMETER: -55,
  REQUESTED_DATA_NOT_AVAILABLE: -56,
  INTERNAL_ERROR: -59,
  CERTIFICATE_KEY_MISMATCH: -60,
  UNSUPPORTED_CERTIFICATE_TYPE: -61,
  DH_PRIME_UNACCEPTABLE: -63,
  FILE_ERROR: -64,
  TOO_MANY_EMPTY_PACKETS: -78,
  TOO_MANY_HANDSHAKE_PACKETS: -81,
  NO_CIPHER_SUITES: -87,
  PK_SIG_VERIFY_FAILED: -89,
  UNSUPPORTED_SIGNATURE_ALGORITHM: -106,
  SAFE_RENEGOTIATION_FAILED: -107,
  UNSAFE_RENEGOTIATION_DENIED: -108,
  UNKNOWN_SRP_USERNAME: -109,
  PREMATURE_TERMINATION: -110,
  CERTIFICATE_REQUIRED: -112,
  CHANNEL_BINDING_NOT_AVAILABLE: -213,
  BAD_COOKIE: -214,
  INSUFFICIENT_SECURITY: -217,
  HEARTBEAT_PONG_RECEIVED: -292,
  HEARTBEAT_PING_RECEIVED: -293,
  UNRECOGNIZED_NAME: -294,
  TIMEDOUT: -319,
  CERTIFICATE_LIST_UNSORTED: -324,
  NO_PRIORITIES_WERE_SET: -326,
  SESSION_EOF: -328,
  NO_CERTIFICATE_STATUS: -340,
  OCSP_RESPONSE_ERROR: -341,
  NO_APPLICATION_PROTOCOL: -344,
  INAPPROPRIATE_FALLBACK: -347,
  CERTIFICATE_VERIFICATION_ERROR: -348,
  SESSION_USER_ID_CHANGED: -406,
  UNAVAILABLE_DURING_HANDSHAKE: -408,
  RECORD_OVERFLOW: -417,
  OCSP_MISMATCH_WITH_CERTS: -422,
  NO_COMMON_KEY_SHARE: -423,
  REAUTH_REQUEST: -424,
  MISSING_EXTENSION: -427,
  DB_ENTRY_EXISTS: -428,
  EARLY_DATA_REJECTED: -429,
  UNIMPLEMENTED_FEATURE: -1250,
} as const;

const HEADER = '/usr/include/gnutls/gnutls.h';
const header = existsSync(HEADER) ? readFileSync(HEADER, 'utf8') : undefined;
if (header === undefined) console.warn(`${HEADER} is missing: numbers are compared with the reference only`);

describe('GnuTLS error numbers', () => {
  it.each(Object.entries(REFERENCE))('%s is %i', (name, code) => {
    expect(gnutlsErrors()).toHaveProperty([name, 0], code);
  });

  it.skipIf(header === undefined)('are those of the installed header', () => {
    const defined = new Map(
      [...(header ?? '').matchAll(/#define\s+GNUTLS_E_(\w+)\s+(-?\d+)/g)].map(([, name, code]) => [name, Number(code)]),
    );
    for (const [name, [code]] of Object.entries(gnutlsErrors()))
      expect([name, code]).toEqual([name, defined.get(name)]);
  });

  it('are each listed once, with a text of one line', () => {
    const codes = Object.values(gnutlsErrors()).map(([code]) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(gnutlsErrorText(code)).toMatch(/^(?!unknown)[ -~]{5,90}$/);
  });

  it('are looked up by number', () => {
    expect(gnutlsErrorName(-12)).toBe('GNUTLS_E_FATAL_ALERT_RECEIVED');
    expect(gnutlsErrorText(-110)).toContain('without the TLS farewell');
    expect(gnutlsErrorName(-9999)).toBeUndefined();
    expect(gnutlsErrorText(-9999)).toBe('unknown TLS error -9999');
  });
});

describe('alerts', () => {
  it('have names both ways', () => {
    expect(alertName(40)).toBe('handshake_failure');
    expect(alertNumber('unknown_ca')).toBe(48);
    expect(alertText(116)).toBe('alert 116 (certificate_required)');
    expect(alertText(200)).toBe('alert 200 (not a known alert)');
  });

  it.skipIf(header === undefined)('have the numbers of the installed header', () => {
    const list = /typedef enum \{\s*GNUTLS_A_CLOSE_NOTIFY[^}]*\}/.exec(header ?? '')?.[0] ?? '';
    let next = 0;
    const names: Record<number, string> = {};
    for (const [, name, value] of list.matchAll(/^\s*GNUTLS_A_(\w+)(?: = (\d+))?,?$/gm)) {
      if (name === undefined || name === 'MAX') continue;
      const number = value === undefined ? next : Number(value);
      names[number] = name.toLowerCase();
      next = number + 1;
    }
    expect(Object.keys(names).length).toBeGreaterThan(30);
    // The header keeps SSL 3.0's name for 41; TLS calls it no_certificate
    expect({ ...Object.fromEntries(alerts()), 41: 'ssl3_no_certificate' }).toMatchObject(names);
  });
});
