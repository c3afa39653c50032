/**
 * One mail with sendMail: what a new program writes.
 *
 *   npm run build && node dist/examples/send-mail.js
 */
import { MailError, sendMail } from 'tcpx/emailx';
import { startMailServer } from './support/mail-server.js';

const server = await startMailServer({ account: { username: 'shop', password: 'secret' } });

try {
  const sent = await sendMail({
    server: `localhost:${server.port}`,
    auth: { username: 'shop', password: 'secret' },
    from: 'Example Shop <billing@example.com>',
    to: 'Änne <aenne@customer.example>',
    subject: 'Größe und Preis',
    text: 'Schöne Grüße',
    html: '<p>Schöne Grüße <img src="cid:logo" alt=""></p>',
    attachments: [
      { content: Buffer.from('89504e47', 'hex'), name: 'logo.png', cid: 'logo' },
      { content: 'article;price\nscarf;12\n', name: 'prices.csv' },
    ],
    signal: AbortSignal.timeout(10_000),
    // The embedded server signs its own certificate.
    tlsOptions: { ca: server.certificate },
  });
  console.log(`accepted for ${sent.accepted.join(', ')}: ${sent.reply.code} ${sent.reply.text}`);
  console.log(`${sent.tls?.version} ${sent.tls?.suite}, ${sent.tls?.peer?.subject} ${sent.tls?.verify.result}`);
} catch (error) {
  if (!(error instanceof MailError)) throw error;
  console.error(error.message);
  // Sending again may double a mail of which nobody knows whether it was delivered.
  process.exitCode = error.delivery === 'unknown' ? 2 : 1;
}

const [mail] = await server.close();
console.log(mail?.message.split('\r\n').slice(0, 9).join('\n'));
