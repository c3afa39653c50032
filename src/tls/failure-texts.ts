/** What failures of TLS mean to a person, the same on both engines. */
import { alertName, alertText, gnutlsErrorText } from './gnutls-errors.ts';

export type TlsPhase = 'handshake' | 'record';

/** What bytes that are no TLS records mean to a person. */
export function plaintextText(phase: TlsPhase, role: 'client' | 'server' | undefined): string {
  if (phase === 'record') return 'unencrypted bytes came in the middle of the session';
  return role === 'server' ? 'the client speaks plaintext' : 'this port speaks plaintext, or wants STARTTLS first';
}

/** What a peer's alert means to a person. `status` is the number for a fatal or a warning one. */
export function alertFailureText(status: number, alert: number): string {
  const meaning = ALERT_HINTS.get(alertName(alert) ?? '');
  const text = `${gnutlsErrorText(status)}: ${alertText(alert)}`;
  return meaning === undefined ? text : `${text}: ${meaning}`;
}

/** What usually lies behind an alert, for the alerts whose names do not tell. */
const ALERT_HINTS: ReadonlyMap<string, string> = new Map([
  ['handshake_failure', 'nothing in common, or a client certificate is wanted'],
  ['protocol_version', 'the peer refuses the TLS versions enabled here'],
  ['insufficient_security', 'the peer wants stronger algorithms'],
  ['unknown_ca', 'the peer does not trust the issuer of our certificate'],
  ['certificate_required', 'the peer wants a client certificate'],
  ['unrecognized_name', 'the peer does not know the server name that was asked for'],
]);
