/** Sessions that a program keeps open between calls: what the socket number alone does not tell (reference emailx §4). */
import type { XcallChannel } from '../starttls/xcall-channel.ts';
import type { ConnLock } from './connlock.ts';
import type { SmtpSession } from './smtp-session.ts';

export interface KeptSession extends SmtpSession {
  /** Speaks in the mode of the call that kept the session. */
  readonly channel: XcallChannel;
  /** Held from the connection to its end; null without CONNLOCK. */
  readonly lock: ConnLock | null;
  /** What the server has sent and nobody has read: it speaks before the next command. */
  readonly unread: Uint8Array;
  /** Credentials of the session, which a server may repeat at any time. */
  readonly secrets: readonly string[];
}

/** By job, and in it by socket number. A job that is let go takes its sessions along. */
const jobs = new WeakMap<object, Map<number, KeptSession>>();

export function keepSession(job: object, session: KeptSession): void {
  const sessions = jobs.get(job) ?? new Map<number, KeptSession>();
  sessions.set(session.channel.socket, session);
  jobs.set(job, sessions);
}

/** The session of a socket, which is from now on the caller's to keep again or to close; null when there is none. */
export function takeSession(job: object, socket: number): KeptSession | null {
  const sessions = jobs.get(job);
  const session = sessions?.get(socket) ?? null;
  sessions?.delete(socket);
  return session;
}
