/** From nothing to an encrypted connection, over and over: the library in one engine and mode. */
import { createJob, F } from 'tcpx';
import { TCPOP_CLOSE, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { starttls } from 'tcpx/starttls';
import { type Order, report } from './figures.ts';

interface StarttlsOrder extends Pick<Order, 'engine' | 'mode' | 'ca' | 'warmup' | 'amount'> {
  readonly url: string;
  readonly alpn: readonly string[];
}

const { url, engine, mode, ca, alpn, warmup, amount } = JSON.parse(process.argv[2] ?? '{}') as StarttlsOrder;
// A full handshake each time, and nothing but the handshake: what is asked inside TLS is another matter.
const tls = { ca, alpn, resume: false };
const job = createJob({ engine, tls });

async function connect(): Promise<number> {
  const begun = performance.now();
  if (mode === 'sync') {
    const { socket } = starttls.sync({ url, job, renew: false });
    const took = performance.now() - begun;
    job.xcall('TCPX', TCPOP_CLOSE, F(), '', F(socket), TCPXFLG_TLS);
    return took;
  }
  const { stream } = await starttls({ url, job, renew: false });
  const took = performance.now() - begun;
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.destroy();
  await closed;
  return took;
}

const times: number[] = [];
for (let turn = 0; turn < warmup + amount; turn += 1) {
  const took = await connect();
  if (turn >= warmup) times.push(took);
}
times.sort((left, right) => left - right);
// Whatever else the machine does makes connections slower, never faster.
report({ ms: times[Math.floor(times.length / 10)] ?? Number.NaN });
job.close();
