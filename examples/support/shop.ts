/**
 * The surroundings of the invoices: a directory with their files, where the program runs, a job that trusts the server, and
 * the mail server, which wants STARTTLS and a password. What it has taken is printed in the end.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createJob, type Job } from 'tcpx';
import { type Delivered, startMailServer } from './mail-server.js';

export interface Shop {
  readonly job: Job;
  /** Waits for what is still on its way and prints what the server has. */
  close(): Promise<void>;
}

const ACCOUNT = { username: 'billing', password: 'secret' };

export async function openShop(): Promise<Shop> {
  const server = await startMailServer({ account: ACCOUNT, unknown: ['gone@customer.example'] });
  const directory = mkdtempSync(join(tmpdir(), 'tcpx-shop-'));
  process.chdir(directory);
  const files = {
    'emailx.cfg': `
; where mail goes, and as whom
SERVER   = localhost:${server.port}
HOST     = shop.example
AUTH     = AUTO
USERNAME = ${ACCOUNT.username}
PASSWORD = ${ACCOUNT.password}
REPLYTO  = help@example.com
`,
    'invoic.lst': [
      'ann@customer.example,4711,inv4711.pdf',
      'gone@customer.example,4712,inv4712.pdf',
      'bob@customer.example,4713,inv4713.pdf',
      '',
    ].join('\n'),
    'inv4711.pdf': '%PDF-1.4 invoice 4711\n',
    'inv4712.pdf': '%PDF-1.4 invoice 4712\n',
    'inv4713.pdf': '%PDF-1.4 invoice 4713\n',
    'terms.txt': 'Payable within 30 days.\n',
    'signat.txt': '\n-- \nExample Shop, Example Street 1\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(name, text);
  const job = createJob({ tls: { ca: server.certificate } });
  return {
    job,
    async close() {
      job.close();
      for (const mail of await server.close()) console.log(summary(mail));
      process.chdir(tmpdir());
      rmSync(directory, { recursive: true });
    },
  };
}

function summary({ message, from, recipients, secure, user }: Delivered): string {
  const subject = /^Subject: (.*)$/m.exec(message)?.[1];
  const names = [...message.matchAll(/filename="([^"]+)"/g)].map(([, name]) => name).join(', ');
  const how = `${secure ? 'encrypted' : 'in clear'}, by ${user}`;
  return `delivered: "${subject}" from ${from} to ${recipients.join(', ')} with ${names} (${how})`;
}
