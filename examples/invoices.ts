/**
 * The program of invoices.bp in TypeScript: the same calls with the same parameters, flags and statuses.
 *
 *   npm run build && node dist/examples/invoices.js
 *   TCPX_ENGINE=node node dist/examples/invoices.js
 *
 * The shop, its mail server and its files are in support/shop.ts.
 */
import { readFileSync } from 'node:fs';
import { F, S } from 'tcpx';
import { EMF_ALREADYOPEN, EMF_CLOSEONLY, EMF_LEAVEOPEN, EMF_OPENONLY, EMF_STARTTLS } from 'tcpx/ashell.def';
import { openShop } from './support/shop.js';

const shop = await openShop();
const { job } = shop;
console.log(`engine ${job.engine}`);

const sock = F();
const st = F();
const em = S(200);
const crlf = '\r\n';
let sent = 0;
let failed = 0;

/** Server, user and password are in the configuration file. */
function openSession(): void {
  job.xcall('EMAILX', EMF_OPENONLY + EMF_STARTTLS, 'emailx.cfg', '', '', '', st, '', '', '', em, sock);
}

function mailInvoice(to: string, number: string, file: string): void {
  const header =
    `From: Example Shop <billing@example.com>${crlf}` + //
    `To: ${to}${crlf}` +
    `Subject: Invoice ${number}`;
  const body = `Dear customer,${crlf}${crlf}please find attached invoice ${number}.${crlf}`;
  // A list takes the place of the structure ATTACHMENTS, which could be passed as well: X(2 + 256 * n).
  const attachments = [
    { file, contentType: 'application/pdf' },
    { file: 'terms.txt', contentType: 'text/plain', encoding: 1 },
  ];
  job.xcall(
    'EMAILX',
    EMF_ALREADYOPEN + EMF_LEAVEOPEN + EMF_STARTTLS,
    'emailx.cfg',
    to,
    header,
    body,
    st,
    'billing@example.com',
    attachments,
    'signat.txt',
    em,
    sock,
  );
}

openSession();
if (st.value !== 0) {
  console.log(`no session: ${st.value} ${em.value}`);
  process.exit(1);
}
for (const line of readFileSync('invoic.lst', 'latin1').split('\n').filter(Boolean)) {
  const [to = '', number = '', file = ''] = line.split(',');
  mailInvoice(to, number, file);
  if (st.value === 0) sent += 1;
  else {
    failed += 1;
    console.log(`invoice ${number} to ${to}: ${st.value} ${em.value}`);
    // -1: the session is gone with the message, the next invoice needs another.
    if (sock.value < 0) openSession();
    if (sock.value < 0) break;
  }
}
if (sock.value >= 0) {
  job.xcall('EMAILX', EMF_CLOSEONLY + EMF_STARTTLS, '', '', '', '', st, '', '', '', em, sock);
}
console.log(`${sent} sent, ${failed} failed`);

await shop.close();
