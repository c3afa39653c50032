/** Sessions that a program keeps open between calls: what the socket number alone does not tell (reference emailx §4). */
import type { XcallChannel } from '../starttls/xcall-channel.ts';
import type { ConnLock } from './connlock.ts';
import type { SmtpSession } from './smtp-session.ts';

export interface KeptSession {
  readonly smtp: SmtpSession;
  /** Speaks in the mode of the call that kept the session. */
  readonly channel: XcallChannel;
  /** Held from the connection to its end; null without CONNLOCK. */
  readonly lock: ConnLock | null;
  /** What the server has sent and nobody has read: it speaks before the next command. */
  readonly unread: Uint8Array;
  /** Credentials of the session, which a server may repeat at any time. */
  readonly secrets: readonly string[];
}

/** Where the session of a socket is kept; empty while a call speaks on it. */
interface Place {
  session: KeptSession | null;
}

/**
 * By job, and in it by socket number. A job that is let go takes its sessions along. Places stay while calls take and keep
 * a session by turns: a Map that loses and gains an entry makes itself anew every few times, and V8 then lets what hung
 * on the old ones live until the next full collection.
 */
const jobs = new WeakMap<object, Map<number, Place> | 'closed'>();

/** Keeps a session for the next call on it. That of a job which has closed meanwhile is over: its socket is closed. */
export function keepSession(job: object, session: KeptSession): void {
  let places = jobs.get(job);
  if (places === 'closed') {
    session.lock?.release();
    return;
  }
  if (places === undefined) {
    places = new Map();
    jobs.set(job, places);
  }
  const { socket } = session.channel;
  const place = places.get(socket);
  if (place !== undefined) {
    place.session = session;
    return;
  }
  for (const [number, { session: kept }] of places) if (kept === null) places.delete(number);
  places.set(socket, { session });
}

/** The session of a socket, which is from now on the caller's to keep again or to close; null when there is none. */
export function takeSession(job: object, socket: number): KeptSession | null {
  const places = jobs.get(job);
  const place = places === 'closed' ? undefined : places?.get(socket);
  if (place === undefined) return null;
  const { session } = place;
  place.session = null;
  return session;
}

/** Ends what is kept for a job that closes, now and later. Its sockets are closed by the job itself. */
export function endSessions(job: object): void {
  const places = jobs.get(job);
  jobs.set(job, 'closed');
  if (places === undefined || places === 'closed') return;
  for (const { session } of places.values()) session?.lock?.release();
}
