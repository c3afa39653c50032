/** Whether a certificate is for a host: node:tls decides, upon the names that GnuTLS would look at. */
import type tls from 'node:tls';
import { nodeTls } from '../core/on-demand.ts';
import { alternativeNames } from '../tls/certificate.ts';

/** Names that say which service it is, so that a CN says nothing any more (RFC 6125 §6.4.4). */
const OF_SERVICE = /^(?:DNS|IP Address|URI):/;

/** A name that does not end in a dot, with `*` as its beginning or not at all; quotes are around what no host name has. */
const USUAL = /^\*?[^*"]*[^*".]$/;

/**
 * For `checkServerIdentity` of node:tls, and stricter than its own: names that are not {@link USUAL} match nothing, and a
 * CN counts only where it is the one CN and there is no other name of a service.
 *
 * @param host the name or address that was connected to; an empty one matches nothing
 * @return undefined for a certificate that is for the host
 */
export function identityError(host: string, certificate: tls.PeerCertificate): Error | undefined {
  const names = alternativeNames(certificate.subjectaltname ?? '');
  // Node makes a list of several.
  const cn: string | readonly string[] | undefined = certificate.subject.CN;
  const counts = typeof cn === 'string' && USUAL.test(cn) && !names.some((name) => OF_SERVICE.test(name));
  return nodeTls().checkServerIdentity(host, {
    ...certificate,
    subject: { ...certificate.subject, CN: counts ? cn : '' },
    subjectaltname: names.filter((name) => !name.startsWith('DNS:') || USUAL.test(name.slice(4))).join(', '),
  });
}
