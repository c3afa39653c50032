/** A socket array with as many sockets as it can hold (tcpx §11). */
import { readFileSync } from 'node:fs';
import { F, S, sockary } from 'tcpx';
import { TCPOP_CHECK, TCPOP_CLOSE, TCPOP_CONNECT, TCPOP_READ, TCPXFLG_BLOCK } from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { behaviour, LIMIT } from '../support/conformance.ts';
import { startPeer } from '../support/scripted-peer.ts';
import { plainFile } from './plain.ts';

plainFile();

const MOST = 1024;

/** Descriptors that this process may have; Node raises its soft limit to the hard one. */
function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
}

behaviour(
  {
    ids: ['ARY-SIZE', 'ARY-CONNECT', 'ARY-FULL', 'ARY-CHECK-COUNT', 'ARY-CHECK-ROUND-ROBIN', 'ARY-CLOSE-ALL'],
    title: 'a full array of 1024 sockets',
    timeout: 60_000,
  },
  async (bench) => {
    expect(descriptorLimit(), 'ulimit -n is too low for this test').toBeGreaterThan(MOST + 200);
    const { x, status } = bench;
    const steps = [{ waitFor: 'go' }, { send: 'x' }, { expectEnd: 'fin' }] as const;
    const peer = await startPeer({ steps, count: MOST, deadline: 60_000 });
    const array = sockary(MOST + 1);
    const connect = async () => {
      const index = F(peer.port);
      await x(TCPOP_CONNECT, status, '', index, TCPXFLG_BLOCK, LIMIT, peer.host, array);
      return index.value;
    };
    for (let count = 1; count <= MOST; count += 1) expect(await connect(), `STATUS ${status.value}`).toBe(count);
    expect([array.count, new Set(bench.job.sockets).size]).toEqual([MOST, MOST]);

    // One more has no place, and is not opened.
    await connect();
    expect(status.value).toBe(-24);
    expect(bench.job.lastStatus?.text).toMatch(/full \(1024\)/);
    expect(bench.job.sockets).toHaveLength(MOST);

    const index = F(0);
    const check = (timer: number) => {
      index.value = 0;
      return x(TCPOP_CHECK, status, '', index, 0, timer, '', array);
    };
    expect(await check(0)).toBe(0);
    await peer.release('go');
    const end = performance.now() + 4 * LIMIT;
    while ((await check(200)) < MOST) expect(performance.now()).toBeLessThan(end);
    expect(Array.from({ length: MOST }, (_, at) => array.ready(at + 1)).every(Boolean)).toBe(true);

    // Each is served once, in turn, although all are ready at first.
    const served = new Set<number>();
    for (let left = MOST; left > 0; left -= 1) {
      expect(await check(0)).toBe(left);
      served.add(index.value);
      expect(await x(TCPOP_READ, status, S(1), index, 1, LIMIT, '', array)).toBe(1);
    }
    expect(served.size).toBe(MOST);
    expect(await check(0)).toBe(0);

    index.value = 0;
    expect(await x(TCPOP_CLOSE, status, '', index, 0, 0, '', array)).toBe(0);
    expect([array.count, bench.job.sockets]).toEqual([0, []]);
    await peer.finished();
  },
);
