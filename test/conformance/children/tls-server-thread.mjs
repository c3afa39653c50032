// A TLS server in a worker thread: tells its port, sends a byte to each client, ends with the message 'end'.
import { parentPort, workerData } from 'node:worker_threads';
import { createJob, F, S } from 'tcpx';

const [BLOCK, LISTEN, ASYNC, KEEPLISTEN, TLS] = [1, 4, 8, 16, 0x100000];
const { engine, tls, visits } = workerData;
const job = createJob({ engine, bind: '127.0.0.1', tls });
const status = F();
const listener = F(0);
job.xcall('TCPX', 1, status, '', listener, LISTEN + TLS);
parentPort.postMessage(job.socket(listener.value).local.port);
for (let visit = 0; visit < visits; visit += 1) {
  const sock = F(listener.value);
  job.xcall('TCPX', 1, status, '', sock, BLOCK + ASYNC + KEEPLISTEN + TLS, 5000);
  if (status.value < 0) continue;
  job.xcall('TCPX', 2, status, 'x', sock, 1 + TLS, 5000);
  job.xcall('TCPX', 4, status, S(1), sock, TLS, 5000);
  job.xcall('TCPX', 6, status, '', sock, TLS);
}
job.close();
