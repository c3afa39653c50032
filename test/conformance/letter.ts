/** What the conformance tests of sendMail share: a call in the column's mode, on the column's job. */
import { MailError, type MailOptions, type SentMail, sendMail, sendMailSync } from 'tcpx/emailx';
import { expect } from 'vitest';
import type { Bench } from '../support/conformance.ts';
import type { Peer } from '../support/scripted-peer.ts';

export const LETTER: MailOptions = {
  server: '',
  tls: 'never',
  host: 'client.example',
  from: 'me@example.com',
  to: 'ann@example.com',
  subject: 'greetings',
  text: 'Hello',
};

/** The letter above, with what is `given` in its place; undefined takes an option out. */
export async function send(
  { mode, job }: Pick<Bench, 'mode' | 'job'>,
  given: { readonly [Name in keyof MailOptions]?: MailOptions[Name] | undefined },
): Promise<SentMail> {
  const all = Object.entries({ ...LETTER, job, ...given }).filter(([, value]) => value !== undefined);
  const options = Object.fromEntries(all) as unknown as MailOptions;
  return mode === 'sync' ? sendMailSync(options) : await sendMail(options);
}

/** The error of a call that must fail. */
export async function failure(
  bench: Pick<Bench, 'mode' | 'job'>,
  given: Parameters<typeof send>[1],
): Promise<MailError> {
  const error = await send(bench, given).then(
    () => expect.fail('it was sent'),
    (reason: unknown) => reason,
  );
  if (error instanceof MailError) return error;
  throw error;
}

/** The message of the last DATA that a peer got, without the dots that transparency has added. */
export async function arrived(peer: Peer): Promise<string> {
  const text = (await peer.received()).toString('latin1');
  const begin = text.lastIndexOf('DATA\r\n') + 'DATA\r\n'.length;
  return text.slice(begin, text.indexOf('\r\n.\r\n', begin) + 2).replace(/^\./gm, '');
}
