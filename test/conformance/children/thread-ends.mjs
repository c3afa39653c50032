// A program whose worker threads end with sockets open, in each way in which a thread can end. Prints the descriptors that
// were left, which no peer would see the end of.
import { readdirSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createJob, F, S } from 'tcpx';

const LIMIT = 5000;
const ENDINGS = ['closed', 'open', 'exit', 'exit while it waits', 'terminated while it waits'];

const openDescriptors = () => readdirSync('/proc/self/fd').length;

async function endOf(ending) {
  const [, , engine, mode, host, port] = process.argv;
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { engine, mode, host, port: Number(port), ending },
    execArgv: [],
  });
  worker.on('message', () => worker.terminate());
  await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
}

async function main() {
  for (const ending of ENDINGS) {
    await endOf(ending);
    const before = openDescriptors();
    for (let turn = 0; turn < 2; turn += 1) await endOf(ending);
    console.log(`${ending}: ${openDescriptors() - before} left`);
  }
}

async function thread({ engine, mode, host, port, ending }) {
  const job = createJob({ engine });
  const [status, buffer, sock] = [F(), S(5), F(port)];
  const x = async (...args) => (mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args));
  await x(9, status, '', sock, 1, LIMIT, host);
  await x(4, status, buffer, sock, 0, 20);
  if (status.value !== -11) throw new Error(`READ: ${status.value}`);
  if (ending.includes('waits')) void job.xcall.async('TCPX', 4, F(), buffer, sock, 0, LIMIT);
  if (ending === 'closed') job.close();
  else if (ending.startsWith('exit')) process.exit();
  else if (ending.startsWith('terminated')) parentPort.postMessage('waiting');
}

await (isMainThread ? main() : thread(workerData));
