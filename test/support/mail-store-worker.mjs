// @ts-check
// The process behind `startMailStore`: an SMTP server (npm smtp-server) that keeps what it takes, as it takes it.
//
// Plain JavaScript, because child processes of Node 20 do not run TypeScript.
import { SMTPServer } from 'smtp-server';

/** @typedef {import('./mail-store.ts').StoreOptions} StoreOptions */
/** @typedef {import('./mail-store.ts').StoredMail} StoredMail */

/** @type {StoredMail[]} */
let kept = [];

process.once('message', (/** @type {StoreOptions} */ options) => {
  const { account, refuse = {}, hide = [], ...settings } = options;
  /** @param {string} address @param {(error?: Error | null) => void} done */
  const answer = (address, done) => {
    const reply = refuse[address];
    done(reply === undefined ? null : Object.assign(new Error(reply.text), { responseCode: reply.code }));
  };
  const server = new SMTPServer({
    ...settings,
    ...Object.fromEntries(hide.map((keyword) => [`hide${keyword}`, true])),
    authOptional: account === undefined,
    disabledCommands: account === undefined ? ['AUTH'] : [],
    disableReverseLookup: true,
    onAuth({ username, password }, _session, done) {
      const known = account?.username === username && account?.password === password;
      done(known ? null : new Error('unknown'), known ? { user: username } : undefined);
    },
    onRcptTo: ({ address }, _session, done) => answer(address, done),
    onData(stream, { envelope: { mailFrom, rcptTo }, secure, user }, done) {
      /** @type {Buffer[]} */
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('end', () => {
        kept.push({
          octets: Buffer.concat(chunks).toString('latin1'),
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          secure,
          user: user === undefined ? null : String(user),
        });
        done(null, 'kept');
      });
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1', () => {
    const place = server.server.address();
    process.send?.({ port: typeof place === 'object' ? place?.port : 0 });
  });
  process.on('message', () => {
    process.send?.({ mails: kept });
    kept = [];
  });
});
process.once('disconnect', () => process.exit());
