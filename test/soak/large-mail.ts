/**
 * Soak: one very large attachment through XCALL EMAILX and sendMail, on each engine, blocking and awaited, in clear by DATA
 * and over STARTTLS by BDAT. Not part of `npm test`.
 *
 *     node dist/test/soak/large-mail.js [MiB, default 1024]
 *
 * Ends with 1 when a mail adds more than 64 MiB of resident memory.
 */
import { engineReports } from 'tcpx';
import { MOST_ADDED, sendLarge, sparseFile, startDrain } from '../support/large-mail.ts';
import { makePki } from '../support/pki.ts';
import type { Sending, Sent } from './mail-sender.ts';

const [mebibytes = 1024] = process.argv.slice(2).map(Number);

function report({ engine, how, mode, ca }: Sending, { added, seconds, blocked }: Sent): void {
  const way = ca === null ? 'in clear, DATA' : 'STARTTLS, BDAT';
  const turns = blocked === null ? '' : `, at most ${blocked} ms without a turn of the event loop`;
  const verdict = added > MOST_ADDED ? 'FAIL' : 'ok  ';
  console.log(
    `${verdict} ${engine} ${how} ${mode}, ${way}: ${added} MiB added, ${Math.round(mebibytes / seconds)} MiB/s${turns}`,
  );
  if (added > MOST_ADDED) process.exitCode = 1;
}

const { good, ca } = await makePki();
const clear = await startDrain({ chunking: false });
const secure = await startDrain({ chunking: true, identity: good });
const { path: file, remove } = sparseFile(mebibytes);
try {
  const engines = engineReports().flatMap(({ name, available }) => (available ? [name] : []));
  for (const engine of engines) {
    for (const how of ['emailx', 'sendMail'] as const) {
      for (const mode of ['sync', 'async'] as const) {
        for (const way of [
          { port: clear.port, ca: null },
          { port: secure.port, ca },
        ]) {
          const sending: Sending = { how, mode, engine, file, ...way };
          report(sending, await sendLarge(sending));
        }
      }
    }
  }
} finally {
  remove();
  clear.stop();
  secure.stop();
}
