/** One message by nodemailer from a cold process: `mail-once.js PORT`. */
import { createTransport } from 'nodemailer';

const transport = createTransport({ host: '127.0.0.1', port: Number(process.argv[2]), ignoreTLS: true });
await transport.sendMail({ from: 'me@example.com', to: 'ann@example.com', subject: 'cold', text: 'Hello\n' });
transport.close();
