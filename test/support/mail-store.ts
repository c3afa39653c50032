// A complete SMTP server that is not ours (npm smtp-server), in a process of its own, since a synchronous call blocks the
// thread of the test. It keeps what it takes until the test asks for it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { Identity } from './pki.ts';

export interface StoreOptions {
  /** With both: STARTTLS, or TLS from the first byte with `secure`. */
  readonly cert?: string;
  readonly key?: string;
  readonly secure?: boolean;
  /** Who may log in, and has to. */
  readonly account?: { readonly username: string; readonly password: string };
  /** What RCPT answers for an address. */
  readonly refuse?: Readonly<Record<string, { readonly code: number; readonly text: string }>>;
  /** Extensions that are not offered. */
  readonly hide?: readonly ('8BITMIME' | 'SMTPUTF8' | 'PIPELINING' | 'STARTTLS')[];
  /** Largest message in bytes, which SIZE announces. */
  readonly size?: number;
}

export interface StoredMail {
  /** The message without what transparency has added, Latin-1. */
  readonly octets: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string | null;
}

export interface MailStore {
  readonly port: number;
  /** What has come since the last time. */
  taken(): Promise<readonly StoredMail[]>;
}

export const withCertificate = ({ cert, key }: Identity): Pick<StoreOptions, 'cert' | 'key'> => ({ cert, key });

const running = new Set<ChildProcess>();

/** Starts a server; ready when it listens. It ends with the tests of the file. */
export async function startMailStore(options: StoreOptions = {}): Promise<MailStore> {
  const child = fork(fileURLToPath(new URL('./mail-store-worker.mjs', import.meta.url)), { execArgv: [] });
  running.add(child);
  child.send(options);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    port,
    async taken() {
      child.send('taken');
      const [{ mails }] = (await once(child, 'message')) as [{ mails: StoredMail[] }];
      return mails;
    },
  };
}

afterAll(() => {
  for (const child of running) child.kill();
  running.clear();
});
