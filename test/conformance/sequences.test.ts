/** Long sequences of calls against a model: whatever the order, no byte is lost and no answer is wrong. */
import fc from 'fast-check';
import { F, S, sockary } from 'tcpx';
import { TCPOP_CHECK, TCPOP_CHKQTY, TCPOP_CLOSE, TCPOP_READ, TCPOP_WRITE, TCPXFLG_BLOCK } from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { behaviour, LIMIT } from '../support/conformance.ts';
import { fillPattern, startPeer } from '../support/scripted-peer.ts';
import { arrived, dial, plainFile } from './plain.ts';

plainFile();

/** Reproducible, and different for each column. */
const seedOf = (text: string) => [...text].reduce((seed, character) => (seed * 31 + character.charCodeAt(0)) | 0, 7);

const actions = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 3000 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 0, max: 2500 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('check' as const), count: fc.integer({ min: 0, max: 1 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('quantity' as const), count: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('set' as const), count: fc.constant(0) }) },
  ),
  { minLength: 40, maxLength: 40 },
);

behaviour(
  { ids: ['READ-STREAM', 'CHKQTY-COUNT', 'CHECK-DATA', 'CHECK-IDLE'], title: 'one connection to an echo, any order' },
  async (bench) => {
    const seed = seedOf(`${bench.engine} ${bench.mode}`);
    for (const list of fc.sample(actions, { seed, numRuns: 6 })) {
      const peer = await startPeer({ steps: [{ echo: true }] });
      const sock = await dial(bench, peer, list.length % 2 === 0 ? 0 : TCPXFLG_BLOCK);
      const array = sockary(3);
      array.set(2, sock.value);
      let sent = 0;
      let read = 0;
      for (const { kind, count } of list) {
        const unread = sent - read;
        if (kind === 'write') {
          const data = fillPattern(count, sent).toString('latin1');
          expect(await bench.x(TCPOP_WRITE, bench.status, data, sock, 0, LIMIT)).toBe(count);
          sent += count;
        } else if (kind === 'read') {
          const buffer = S(0);
          // A count within what is on its way is waited for; count 0 takes what is there.
          const wanted = Math.min(count, unread);
          const status = await bench.x(TCPOP_READ, bench.status, buffer, sock, wanted, unread === 0 ? 1 : LIMIT);
          if (unread === 0) expect(status).toBe(-11);
          else if (wanted > 0) expect(status).toBe(wanted);
          else expect(status).toBeGreaterThan(0);
          const got = Math.max(0, status);
          expect(Buffer.compare(Buffer.from(buffer.bytes).subarray(0, got), fillPattern(got, read))).toBe(0);
          read += got;
        } else if (kind === 'check') {
          const status = await bench.x(TCPOP_CHECK, bench.status, '', sock, 0, unread > 0 ? LIMIT : count);
          expect(status).toBe(unread > 0 ? 1 : 0);
        } else if (kind === 'quantity') {
          await arrived(bench, sock, unread);
          expect(await bench.x(TCPOP_CHKQTY, bench.status, '', sock)).toBe(unread);
        } else {
          const index = F(0);
          const status = await bench.x(TCPOP_CHECK, bench.status, '', index, 0, unread > 0 ? LIMIT : 0, '', array);
          expect([status, index.value]).toEqual(unread > 0 ? [1, 2] : [0, 0]);
        }
      }
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    }
  },
);

behaviour(
  { ids: ['ARY-CHECK-COUNT', 'ARY-HOLES', 'ARY-CHECK-READY'], title: 'an array whose members come, go and move' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ echo: true }], count: 6 });
    const socks: ReturnType<typeof F>[] = [];
    for (let index = 0; index < 6; index += 1) socks.push(await dial(bench, peer, 0));
    const random = fc.sample(fc.array(fc.nat(1000), { minLength: 240, maxLength: 240 }), {
      seed: seedOf(`${bench.engine} ${bench.mode}`),
      numRuns: 1,
    })[0] as number[];
    let at = 0;
    const next = (below: number) => (random[at++ % random.length] ?? 0) % below;
    // Two arrays, which may hold the same sockets.
    const arrays = [sockary(9), sockary(9)];
    const unread = new Map(socks.map(({ value }) => [value, 0]));
    for (let step = 0; step < 60; step += 1) {
      const array = arrays[next(2)] ?? sockary(9);
      const sock = socks[next(6)] ?? F();
      const where = [...array].find(({ socket }) => socket === sock.value)?.index;
      const action = next(5);
      if (action === 0) {
        if (where === undefined) array.add(sock.value);
        else array.remove(where);
      } else if (action === 1 && where !== undefined) {
        array.remove(where);
        const free = [8, 7, 6, 5, 4, 3, 2, 1].find((index) => array.socket(index) === 0) ?? where;
        array.set(free, sock.value);
      } else if (action <= 3) {
        if (unread.get(sock.value) === 0) {
          expect(await bench.x(TCPOP_WRITE, bench.status, 'word', sock)).toBe(4);
          await arrived(bench, sock, 4);
          unread.set(sock.value, 4);
        } else {
          expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 4)).toBe(4);
          unread.set(sock.value, 0);
        }
      }
      const expected = [...array].filter(({ socket }) => unread.get(socket) === 4).map(({ index }) => index);
      const index = F(0);
      expect(await bench.x(TCPOP_CHECK, bench.status, '', index, 0, 0, '', array), `step ${step}`).toBe(
        expected.length,
      );
      expect([...array].filter(({ ready }) => ready).map((entry) => entry.index)).toEqual(expected);
      if (expected.length > 0) expect(expected).toContain(index.value);
      else expect(index.value).toBe(0);
    }
  },
);
