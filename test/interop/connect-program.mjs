// CONNECTs by name and says how it went: `node connect-program.mjs ENGINE MODE HOST PORT TIMER [ASYNC]`. It runs where the
// system's hosts file is another one.
import { createJob, F, S } from 'tcpx';

const [engine, mode, host, port, timer, begins] = process.argv.slice(2);
const [BLOCK, ASYNC] = [1, 8];
const job = createJob({ engine });
const call = async (...args) => (mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args));

const [status, sock] = [F(), F(Number(port))];
const started = performance.now();
if (begins === undefined) await call(9, status, '', sock, BLOCK, Number(timer), host);
else {
  await call(9, status, '', sock, BLOCK + ASYNC, 0, host);
  while (status.value === 0) await call(7, status, '', sock, 0, Number(timer));
}
const elapsed = performance.now() - started;
const remote = sock.value > 0 ? job.socket(sock.value).remote.host : null;
if (sock.value > 0) await call(4, F(), S(2), sock, 2, 5000);
console.log(JSON.stringify({ status: status.value, remote, elapsed, text: job.lastStatus.text }));
job.close();
process.exit(0);
