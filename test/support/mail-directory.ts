// Maildirs as mail servers leave them: what was delivered, read back byte for byte.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MailDirectory {
  /** Messages in order of arrival as they are stored: trace lines of the server in front, every line ended by LF. */
  messages(): Buffer[];
  /** Waits until there are `count` messages (default 1) or more; rejects after `deadline` ms (default 15 000). */
  delivered(count?: number, deadline?: number): Promise<Buffer[]>;
}

/** A maildir that a server fills; it need not exist yet. `log` explains a message that does not come. */
export function mailDirectory(path: string, log: () => string): MailDirectory {
  const messages = () =>
    ['new', 'cur']
      .flatMap((part) => entries(join(path, part)))
      .sort(byArrival)
      .map(readEntry);
  return {
    messages,
    async delivered(count = 1, deadline = 15_000) {
      const end = performance.now() + deadline;
      for (;;) {
        const found = messages();
        if (found.length >= count) return found;
        if (performance.now() > end) {
          throw new Error(
            `${found.length} of ${count} messages in ${path} after ${deadline} ms; the server says:\n${log()}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

/**
 * The message without the lines that servers put in front of it (RFC 5321 §4.4, and the Delivered-To and X-Original-To
 * of Postfix), lines ended by LF.
 */
export function withoutTrace(message: Uint8Array): Buffer {
  const bytes = Buffer.from(message);
  const text = bytes.toString('latin1');
  const [trace = ''] = /^(?:(?:Return-Path|X-Original-To|Delivered-To|Received):.*\n(?:[ \t].*\n)*)*/i.exec(text) ?? [];
  return bytes.subarray(trace.length);
}

interface Entry {
  readonly path: string;
  readonly name: string;
}

function entries(directory: string): Entry[] {
  try {
    return readdirSync(directory).map((name) => ({ path: join(directory, name), name }));
  } catch {
    // Nothing was delivered yet.
    return [];
  }
}

function readEntry({ path }: Entry): Buffer {
  return readFileSync(path);
}

/** Names begin with the second and, in both servers, have the microsecond as `M` and digits. */
function byArrival(a: Entry, b: Entry): number {
  return arrival(a.name) - arrival(b.name);
}

function arrival(name: string): number {
  const [, second = '0'] = /^(\d+)\./.exec(name) ?? [];
  const [, microsecond = '0'] = /M(\d+)/.exec(name) ?? [];
  return Number(second) + Number(microsecond) / 1e6;
}
