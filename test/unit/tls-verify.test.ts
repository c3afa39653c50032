import { describe, expect, it } from 'vitest';
import { isVerifyCode, reasonsOfNodeError } from '../../src/tls/node-verify.ts';
import {
  describeVerifyFailure,
  reasonsOfGnutlsStatus,
  VERIFY_REASONS,
  type VerifyReason,
} from '../../src/tls/verify.ts';

const bit = (...numbers: number[]): number => numbers.reduce((mask, number) => mask | (1 << number), 0);

describe('GnuTLS verify status', () => {
  it.each<[string, number, VerifyReason[]]>([
    ['nothing wrong', 0, []],
    ['invalid alone', bit(1), ['other']],
    ['unknown signer', bit(1, 6), ['unknown-issuer']],
    ['expired and unknown signer', bit(1, 6, 10), ['expired', 'unknown-issuer']],
    [
      'wrong owner and unknown signer, as measured with a foreign certificate',
      0x4042,
      ['wrong-name', 'unknown-issuer'],
    ],
    ['small key, as measured with RSA 1024 under PROFILE_MEDIUM', 0x102, ['insecure-algorithm']],
    ['several OCSP bits are one reason', bit(1, 12, 15, 19, 20), ['ocsp']],
    ['revoked comes first', bit(1, 5, 10, 14), ['revoked', 'wrong-name', 'expired']],
    ['unknown bits are not lost', bit(1, 10, 29), ['expired', 'other']],
    ['not activated, purpose, constraints', bit(1, 9, 16, 18), ['not-yet-valid', 'constraints', 'wrong-purpose']],
    ['signature, CA, critical extension', bit(1, 7, 11, 21), ['bad-signature', 'not-a-ca', 'critical-extension']],
    ['pin', bit(1, 17), ['pin-mismatch']],
  ])('%s', (_what, status, reasons) => {
    expect(reasonsOfGnutlsStatus(status)).toEqual(reasons);
  });

  it('says self-signed when the caller saw that issuer and subject are equal', () => {
    expect(reasonsOfGnutlsStatus(bit(1, 6), { selfIssued: true })).toEqual(['self-signed']);
    expect(reasonsOfGnutlsStatus(bit(1, 10), { selfIssued: true })).toEqual(['expired']);
  });
});

describe("Node's authorization errors", () => {
  it.each<[string, VerifyReason]>([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'unknown-issuer'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unknown-issuer'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unknown-issuer'],
    ['CERT_HAS_EXPIRED', 'expired'],
    ['CERT_NOT_YET_VALID', 'not-yet-valid'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'wrong-name'],
    ['CERT_REVOKED', 'revoked'],
    ['INVALID_PURPOSE', 'wrong-purpose'],
    ['CERT_SIGNATURE_FAILURE', 'bad-signature'],
    ['INVALID_CA', 'not-a-ca'],
    ['PATH_LENGTH_EXCEEDED', 'constraints'],
    ['EE_KEY_TOO_SMALL', 'insecure-algorithm'],
    ['SOMETHING_NEW', 'other'],
  ])('%s is %s', (code, reason) => {
    expect(reasonsOfNodeError(code)).toEqual([reason]);
    expect(reasonsOfNodeError(Object.assign(new Error('x'), { code }))).toEqual([reason]);
    expect(reasonsOfNodeError(new Error(code))).toEqual([reason]);
  });

  it('gives nothing for an accepted peer', () => {
    expect(reasonsOfNodeError(null)).toEqual([]);
    expect(reasonsOfNodeError(undefined)).toEqual([]);
    expect(reasonsOfNodeError(42)).toEqual(['other']);
    expect(isVerifyCode('CERT_HAS_EXPIRED')).toBe(true);
    expect(isVerifyCode('ECONNRESET')).toBe(false);
    expect(isVerifyCode('toString')).toBe(false);
  });
});

describe('the message', () => {
  it('names tls.ca and the opt-out', () => {
    const line = describeVerifyFailure(['self-signed'], 'mail.example');
    expect(line).toContain('mail.example');
    expect(line).toContain('self-signed');
    expect(line).toContain('tls.ca');
    expect(line).toContain("tls.verify = 'none'");
    expect(line).toContain('TCPX_TLS_VERIFY=none');
  });

  it('does not advise another CA for a wrong name', () => {
    expect(describeVerifyFailure(['wrong-name'], 'h')).not.toContain('tls.ca');
  });

  it.each(Object.keys(VERIFY_REASONS) as VerifyReason[])('is one line for %s', (reason) => {
    expect(describeVerifyFailure([reason], 'h')).toMatch(/^certificate of h not accepted: [ -~]+TCPX_TLS_VERIFY=none/);
  });

  it('tells all reasons, most telling first, and copes with none', () => {
    expect(describeVerifyFailure(['unknown-issuer', 'expired'], 'h')).toMatch(/expired; .*issuer/);
    expect(describeVerifyFailure([], '')).toContain('certificate of the peer not accepted');
  });
});
