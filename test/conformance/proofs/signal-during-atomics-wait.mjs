// Proof for SIGNAL-EINTR on the Node engine, on bare Node: a thread that waits in Atomics.wait, as a blocking call into
// a worker does, is not woken by a signal with a listener; the listener runs once the wait is over.
import { spawn } from 'node:child_process';

const events = [];
process.on('SIGINT', () => events.push('listener'));
spawn('sh', ['-c', `sleep 0.1; kill -INT ${process.pid}`], { stdio: 'ignore' });
const started = performance.now();
const result = Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
events.push(`Atomics.wait: ${result} after ${Math.round((performance.now() - started) / 100) * 100} ms`);
setTimeout(() => {
  console.log(events.join('\n'));
  process.exitCode = events[0]?.startsWith('Atomics.wait: timed-out') && events[1] === 'listener' ? 0 : 1;
}, 50);
