/** What the conformance tests of EMAILX share: a call by names, and an SMTP server as a script. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Argument, F, type ListArgument, S } from 'tcpx';
import type { Bench } from '../support/conformance.ts';
import { tempDir } from '../support/peer.ts';
import { type Peer, type Step, startPeer } from '../support/scripted-peer.ts';

export interface MailCall {
  readonly opflags?: number;
  readonly cfgfile?: string;
  readonly to?: string;
  readonly header?: string;
  readonly body?: string;
  readonly from?: string;
  readonly attachments?: Argument | ListArgument;
  readonly signature?: string;
  readonly socket?: Argument;
  readonly server?: string;
  readonly host?: string;
  readonly username?: string;
  readonly password?: string;
}

export interface MailResult {
  readonly status: number;
  readonly errmsg: string;
}

/** XCALL EMAILX with the parameters that are named; the others are blank, or make a message that can be sent. */
export async function mail({ xcall, status }: Bench, call: MailCall): Promise<MailResult> {
  const errmsg = S(400);
  const result = await xcall(
    'EMAILX',
    call.opflags ?? 0,
    call.cfgfile ?? '',
    call.to ?? 'ann@example.com',
    call.header ?? 'Subject: greetings\r\nFrom: me@example.com',
    call.body ?? 'Hello\r\n',
    status,
    call.from ?? 'me@example.com',
    call.attachments ?? '',
    call.signature ?? '',
    errmsg,
    call.socket ?? F(),
    call.server ?? '',
    call.host ?? 'client.example',
    call.username ?? '',
    call.password ?? '',
  );
  if (result !== status.value) throw new Error(`returned ${result}, STATUS is ${status.value}`);
  return { status: result, errmsg: errmsg.value };
}

/** A file with these contents in a directory of its own. */
export function file(name: string, contents: string | Uint8Array): string {
  const path = join(tempDir('tcpx-emailx-'), name);
  writeFileSync(path, contents);
  return path;
}

export const GREETING: Step = { send: '220 mx.example ESMTP\r\n' };
export const EHLO: Step = { expect: 'EHLO client.example\r\n' };
export const QUIT: readonly Step[] = [{ expect: 'QUIT\r\n' }, { send: '221 bye\r\n' }];

/** The lines of an EHLO reply. */
export function capabilities(...keywords: readonly string[]): Step {
  const lines = ['mx.example', ...keywords];
  return { send: lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join('') };
}

/** Greeting and EHLO, with these extensions. */
export function opening(...keywords: readonly string[]): readonly Step[] {
  return [GREETING, EHLO, capabilities(...keywords)];
}

/** One message to one recipient without PIPELINING. */
export function message(recipients: readonly string[] = ['ann@example.com'], parameters = ''): readonly Step[] {
  return [
    { expect: `MAIL FROM:<me@example.com>${parameters}\r\n` },
    { send: '250 ok\r\n' },
    ...recipients.flatMap((name): Step[] => [{ expect: `RCPT TO:<${name}>\r\n` }, { send: '250 ok\r\n' }]),
    { expect: 'DATA\r\n' },
    { send: '354 go\r\n' },
    { expectUntil: '\r\n.\r\n' },
    { send: '250 2.0.0 taken\r\n' },
  ];
}

export async function smtpServer(...steps: readonly (Step | readonly Step[])[]): Promise<Peer & { server: string }> {
  const peer = await startPeer({ steps: steps.flat() });
  return { ...peer, server: `localhost:${peer.port}` };
}

/** What the peer has read: the client's half of the conversation. */
export async function said(peer: Peer): Promise<string> {
  return (await peer.received()).toString('latin1');
}
