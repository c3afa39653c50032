import { TlsError } from '../core/errors.ts';
import { GNUTLS_E } from './gnutls-errors.ts';
import { type RefusedPeer, withoutRoot } from './info.ts';
import { describeVerifyFailure, type VerifyReason } from './verify.ts';

/** The peer's certificate was not accepted; says why, and which certificate that was. */
export class VerifyError extends TlsError {
  readonly refusedPeer: RefusedPeer;

  /** @param host the name that was verified; empty for a client's certificate */
  constructor(reasons: readonly VerifyReason[], chain: readonly Uint8Array[], host: string) {
    super(GNUTLS_E.CERTIFICATE_VERIFICATION_ERROR, describeVerifyFailure(reasons, host));
    this.refusedPeer = { reasons, chain: withoutRoot(chain) };
  }
}
