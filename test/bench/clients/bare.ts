/** The same measurements with node:net and node:tls and nothing in between, written as a program with `await` would be. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import {
  cpuMilliseconds,
  MEBIBYTE,
  MESSAGE,
  medianBatchAsync,
  nanoseconds,
  order,
  report,
  WARMUP_PARTS,
} from './figures.ts';

const given = order();
const { work, port, warmup, amount } = given;
const ca = given.tls ? readFileSync(given.ca) : undefined;

async function connect(): Promise<net.Socket> {
  if (ca === undefined) {
    const socket = net.connect({ host: 'localhost', port, family: 4 });
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return socket;
  }
  const options: tls.ConnectionOptions & net.TcpNetConnectOpts = {
    host: 'localhost',
    servername: 'localhost',
    port,
    family: 4,
    secureContext: context,
  };
  const socket = tls.connect(options);
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  return socket;
}
const context = tls.createSecureContext({ ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2' });

async function echo(): Promise<void> {
  const socket = await connect();
  const message = Buffer.alloc(MESSAGE);
  let missing = 0;
  let complete = () => {};
  socket.on('data', (chunk: Buffer) => {
    missing -= chunk.length;
    if (missing === 0) complete();
  });
  const turn = async () => {
    const reply = new Promise<void>((resolve) => {
      complete = resolve;
    });
    missing = MESSAGE;
    socket.write(message);
    await reply;
  };
  report({ ns: await medianBatchAsync(turn, given) });
}

async function download(): Promise<void> {
  const socket = await connect();
  let missing = 0;
  let complete = () => {};
  socket.on('data', (chunk: Buffer) => {
    missing -= chunk.length;
    if (missing === 0) complete();
  });
  const take = async (mebibytes: number) => {
    const all = new Promise<void>((resolve) => {
      complete = resolve;
    });
    missing = mebibytes * MEBIBYTE;
    socket.write(Buffer.alloc(mebibytes));
    await all;
  };
  for (let part = 0; part < WARMUP_PARTS; part += 1) await take(warmup / WARMUP_PARTS);
  const begun = nanoseconds();
  const used = cpuMilliseconds();
  await take(amount);
  report({ wall: (nanoseconds() - begun) / 1e6, cpu: cpuMilliseconds() - used });
}

async function handshake(): Promise<void> {
  const turn = async () => {
    const socket = await connect();
    // What CLOSE does: close_notify goes out, the peer's is not waited for.
    socket.destroySoon();
  };
  for (let count = 0; count < warmup; count += 1) await turn();
  const begun = nanoseconds();
  const used = cpuMilliseconds();
  for (let count = 0; count < amount; count += 1) await turn();
  report({ rate: amount / ((nanoseconds() - begun) / 1e9), cpu: cpuMilliseconds() - used });
}

const WORKS: Readonly<Record<string, () => Promise<void>>> = { echo, download, handshake };
const measure = WORKS[work];
if (measure === undefined) throw new Error(`no work '${work}'`);
await measure();
process.exit(0);
