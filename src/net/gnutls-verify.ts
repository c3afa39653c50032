/**
 * What GnuTLS is to verify of the peer: chain, name and key purpose. The request lives in C memory at least as long as
 * the session, because GnuTLS keeps the addresses.
 *
 *   gnutls_typed_vdata_st (24): type i32 | pad | data ptr | size u32 | pad
 */
import { type Gnutls, loadGnutls } from '../native/gnutls.ts';
import { loadLibc, type Pointer } from '../native/libc.ts';
import { describePeer } from '../tls/info.ts';
import { reasonsOfGnutlsStatus, type VerifyReason } from '../tls/verify.ts';

const GNUTLS_DT_DNS_HOSTNAME = 1;
const GNUTLS_DT_KEY_PURPOSE_OID = 2;
const ELEMENT_SIZE = 24;

/** Extended key usages of RFC 5280 §4.2.1.12: what a server's and a client's certificate are for. */
const PURPOSE_OID = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** Requests of earlier sessions, by host. A program connects to a handful of hosts; these live as long as the process. */
const shared = { server: new Map<string, VerifyRequest>(), client: new Map<string, VerifyRequest>() };
const MOST_SHARED = 256;

export class VerifyRequest {
  readonly #gnutls: Gnutls = loadGnutls();
  readonly #block: Pointer;
  readonly #elements: number;
  #isShared = false;

  /** Asks for a certificate of `peer`; a server's is for `host`, a name or the text of an address. */
  static of(peer: 'client' | 'server', host: string): VerifyRequest {
    const requests = shared[peer];
    const known = requests.get(host);
    if (known !== undefined) return known;
    const made = new VerifyRequest(peer, host);
    if (requests.size < MOST_SHARED) {
      made.#isShared = true;
      requests.set(host, made);
    }
    return made;
  }

  private constructor(peer: 'client' | 'server', host: string) {
    const wanted: [number, string][] = [[GNUTLS_DT_KEY_PURPOSE_OID, PURPOSE_OID[peer]]];
    if (peer === 'server') wanted.unshift([GNUTLS_DT_DNS_HOSTNAME, host]);
    const texts = wanted.map(([, text]) => Buffer.from(`${text}\0`, 'utf8'));
    const size = wanted.length * ELEMENT_SIZE + texts.reduce((sum, text) => sum + text.length, 0);
    const libc = loadLibc();
    this.#block = libc.calloc(1, size);
    const image = new Uint8Array(size);
    const view = new DataView(image.buffer);
    let at = wanted.length * ELEMENT_SIZE;
    for (const [index, text] of texts.entries()) {
      view.setInt32(index * ELEMENT_SIZE, wanted[index]?.[0] ?? 0, true);
      view.setBigUint64(index * ELEMENT_SIZE + 8, BigInt(this.#block) + BigInt(at), true);
      image.set(text, at);
      at += text.length;
    }
    libc.memcpy(this.#block, image, size);
    this.#elements = wanted.length;
  }

  /** Has the handshake of a session verify by itself: it then fails with -348. */
  enforce(session: Pointer): void {
    this.#gnutls.gnutls_session_set_verify_cert2(session, this.#block, this.#elements, 0);
  }

  /** Verifies after the handshake. No reasons means that the peer passed. */
  check(session: Pointer, chain: readonly Uint8Array[]): VerifyReason[] {
    const status = new Int32Array(1);
    const code = this.#gnutls.gnutls_certificate_verify_peers(session, this.#block, this.#elements, status);
    return code < 0 ? ['other'] : verifyReasons(status[0] ?? 0, chain);
  }

  /** After the session is gone. */
  release(): void {
    if (!this.#isShared) loadLibc().free(this.#block);
  }
}

/** The reasons in a verify status. GnuTLS cannot tell self-signed from an unknown issuer; the certificate can. */
export function verifyReasons(status: number, chain: readonly Uint8Array[]): VerifyReason[] {
  if (status === 0) return [];
  const peer = describePeer(chain);
  return reasonsOfGnutlsStatus(status, { selfIssued: peer !== null && peer.issuer === peer.subject });
}
