// Takes the lock of CONNLOCK again and again: lock-contender.js DIRECTORY JOURNAL ROUNDS [die]. The journal gets a line
// on entering and one on leaving; with `die` the process is killed while it holds the lock of its last round.
import { appendFileSync } from 'node:fs';
import { tryConnLock } from '../../src/emailx/connlock.ts';

const [directory = '', journal = '', rounds = '0', end] = process.argv.slice(2);
const pause = new Int32Array(new SharedArrayBuffer(4));

for (let round = 1; round <= Number(rounds); round++) {
  let lock = tryConnLock(directory);
  while (lock === null) {
    Atomics.wait(pause, 0, 0, 1);
    lock = tryConnLock(directory);
  }
  appendFileSync(journal, `+${process.pid}\n`);
  if (end === 'die' && round === Number(rounds)) process.kill(process.pid, 'SIGKILL');
  appendFileSync(journal, `-${process.pid}\n`);
  lock.release();
}
if (end === 'hold') {
  const lock = tryConnLock(directory);
  process.stdout.write(lock === null ? 'not free\n' : 'held\n');
  process.stdin.resume().on('end', () => process.exit());
}
