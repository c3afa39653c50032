/** A long download and many handshakes over TLS: where the TLS library does the work. */
import { alternate, CORES, inC, inNode, scaled, withServer } from '../harness.ts';
import { against, type Line, milliseconds, perSecond, type Row } from '../row.ts';

const MEBIBYTES = 256;
/** Enough for the compiler threads of a Node process to come to rest: they count as its CPU time. */
const WARMUP_MEBIBYTES = 256;

export const download: Row = {
  name: 'download',
  needs: ['taskset', 'cc', 'gnutls'],
  async run(bench) {
    const order = { work: 'download', tls: true, warmup: WARMUP_MEBIBYTES, amount: scaled(bench, MEBIBYTES) };
    const lines: Line[] = [];
    for (const cores of CORES) {
      const samples = await withServer(bench, cores, 'tls-server', ['source', bench.cert, bench.key], (port) =>
        alternate(
          bench,
          [
            inNode(bench, 'xcall', { ...order, port }),
            inC(bench, 'tls-client', 'download', port, bench.ca, order.warmup, order.amount),
            inNode(bench, 'bare', { ...order, port }),
          ],
          ['wall', 'cpu'],
        ),
      );
      const work = `${order.amount} MiB over TLS, native, sync`;
      lines.push(
        against(samples, 1, 'wall', milliseconds, { work: `${work}: wall`, cores, name: 'C', goal: { most: 1.2 } }),
        against(samples, 1, 'cpu', milliseconds, { work: `${work}: CPU`, cores, name: 'C', goal: { most: 1.2 } }),
        against(samples, 2, 'cpu', milliseconds, {
          work: `${work}: CPU`,
          cores,
          name: 'node:tls',
          goal: { most: 0.9 },
        }),
      );
    }
    return lines;
  },
};

const HANDSHAKES = 400;
/** Until then the compiler threads of a Node process are at work, on the client's core. */
const WARMUP_HANDSHAKES = 5000;
/** C comes as it is: only its caches have to fill. */
const WARMUP_HANDSHAKES_C = 100;

export const handshakes: Row = {
  name: 'handshakes',
  needs: ['taskset', 'cc', 'gnutls'],
  async run(bench) {
    const order = { work: 'handshake', tls: true, warmup: WARMUP_HANDSHAKES, amount: scaled(bench, HANDSHAKES) };
    const lines: Line[] = [];
    for (const cores of CORES) {
      const samples = await withServer(bench, cores, 'tls-server', ['handshake', bench.cert, bench.key], (port) =>
        alternate(
          bench,
          [
            inNode(bench, 'xcall', { ...order, port }),
            inC(bench, 'tls-client', 'handshake', port, bench.ca, WARMUP_HANDSHAKES_C, order.amount),
            inNode(bench, 'bare', { ...order, port }),
          ],
          ['rate'],
        ),
      );
      const work = 'TLS 1.3 handshakes one after another, native, sync';
      lines.push(
        against(samples, 1, 'rate', perSecond, { work, cores, name: 'C', goal: { least: 0.9 } }),
        against(samples, 2, 'rate', perSecond, { work, cores, name: 'node:tls', goal: { least: 1.1 } }),
      );
    }
    return lines;
  },
};
