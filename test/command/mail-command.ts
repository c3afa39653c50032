/** What the tests of `tcpx mail` share: the command in a process of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Run, tcpx } from '../support/command.ts';
import { tempDir } from '../support/peer.ts';

export { main, type Run } from '../support/command.ts';

export function mail(args: readonly string[], { input = '', env = {} }: Run = {}) {
  return tcpx(['mail', ...args], { input, env: { TCPX_TLS_VERIFY: '', ...env } });
}

/** A directory of this file of tests. */
export const directory: string = tempDir();

export function file(name: string, contents: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
}

export const HOST = ['--host', 'client.example'] as const;
export const LETTER = [...HOST, '--from', 'me@example.com', '--to', 'ann@example.com'] as const;
export const HELLO = ['--text', 'Hello'] as const;
export const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
/** A message without what differs each time. */
export const linesOf = (text: string) => text.split('\r\n').filter((line) => !/^(Date|Message-ID): /.test(line));
