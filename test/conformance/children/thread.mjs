// A worker thread of a program that uses tcpx: connects, talks, closes, and says what it got.
import { parentPort, workerData } from 'node:worker_threads';
import { createJob, F, S } from 'tcpx';

const { engine, mode, host, port } = workerData;
const job = createJob({ engine });
const x = async (...args) => (mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args));

const [status, buffer, sock] = [F(), S(20), F(port)];
const results = [await x(9, status, S(0), sock, 1, 5000, host), await x(2, status, 'ping', sock)];
await x(4, status, buffer, sock, 4, 5000);
results.push(buffer.value, await x(4, status, buffer, sock, 0, 30));
results.push(4, buffer.value, await x(6, status, '', sock));
parentPort.postMessage(results);
