/** SHUTDOWN and CLOSE (tcpx §2, §3.3). */
import { F, S } from 'tcpx';
import { TCPOP_CHKQTY, TCPOP_CLOSE, TCPOP_READ, TCPOP_SHUTDOWN, TCPOP_WRITE, TCPXFLG_BLOCK } from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { behaviour, LIMIT } from '../support/conformance.ts';
import { fillPattern, startPeer } from '../support/scripted-peer.ts';
import { arrived, dial, listen, openSockets, plainFile, until } from './plain.ts';

plainFile();

behaviour(
  { ids: ['SHUTDOWN-DIRECTIONS', 'SHUTDOWN-HALF', 'SHUTDOWN-KEEPS-SOCKET'], title: 'the end of sending' },
  async (bench) => {
    const { status, buffer } = bench;
    const peer = await startPeer({ steps: [{ expect: 'question' }, { expectEnd: 'fin' }, { send: 'answer' }] });
    const sock = await dial(bench, peer);
    const number = sock.value;
    expect(await bench.x(TCPOP_WRITE, status, 'question', sock)).toBe(8);
    expect(await bench.x(TCPOP_SHUTDOWN, status, buffer, sock, 1)).toBe(0);
    expect(sock.value).toBe(number);
    expect(await bench.x(TCPOP_READ, status, buffer, sock, 6, LIMIT)).toBe(6);
    expect(buffer.value).toBe('answer');
    expect(await bench.x(TCPOP_READ, status, buffer, sock, 6, LIMIT)).toBe(0);
    await peer.finished();
    expect(await bench.x(TCPOP_CLOSE, status, buffer, sock)).toBe(0);
  },
);

behaviour({ ids: ['SHUTDOWN-DIRECTIONS'], title: 'sending after its end' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expectEnd: 'fin' }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  expect(await bench.x(TCPOP_SHUTDOWN, bench.status, '', sock, 1)).toBe(0);
  expect(await bench.x(TCPOP_WRITE, bench.status, 'late', sock)).toBe(-32);
  expect(sock.value).toBe(-1);
});

behaviour({ ids: ['SHUTDOWN-DIRECTIONS'], title: 'the end of receiving' }, async (bench) => {
  const { status, buffer } = bench;
  const peer = await startPeer({ steps: [{ waitFor: 'x' }, { expect: 'still sends' }] });
  const sock = await dial(bench, peer);
  expect(await bench.x(TCPOP_SHUTDOWN, status, buffer, sock, 0)).toBe(0);
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 0, LIMIT)).toBe(0);
  expect(await bench.x(TCPOP_WRITE, status, 'still sends', sock)).toBe(11);
  await peer.release('x');
  await peer.finished();
});

behaviour({ ids: ['SHUTDOWN-DIRECTIONS'], title: 'the end of receiving, with bytes unread' }, async (bench) => {
  const { status, buffer } = bench;
  const peer = await startPeer({
    steps: [{ send: 'unread' }, { waitFor: 'more' }, { send: 'later' }, { waitFor: 'x' }],
  });
  const sock = await dial(bench, peer);
  await arrived(bench, sock, 6);
  expect(await bench.x(TCPOP_SHUTDOWN, status, '', sock, 0)).toBe(0);
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 6, LIMIT)).toBe(6);
  expect(buffer.value).toBe('unread');
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 1, LIMIT)).toBe(0);
  await peer.release('more');
  // Nothing there is the end, until it comes.
  expect(await until(-1, () => bench.x(TCPOP_CHKQTY, F(), '', sock))).toBe(5);
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 5, LIMIT)).toBe(5);
  expect(buffer.value).toBe('later');
  expect(await bench.x(TCPOP_CLOSE, status, '', sock)).toBe(0);
});

behaviour({ ids: ['SHUTDOWN-DIRECTIONS', 'SHUTDOWN-KEEPS-SOCKET'], title: 'the end of both' }, async (bench) => {
  const { status, buffer } = bench;
  const peer = await startPeer({ steps: [{ expectEnd: 'fin' }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer, 0);
  expect(await bench.x(TCPOP_SHUTDOWN, status, buffer, sock, 2)).toBe(0);
  expect(openSockets(bench.job)).toBe(1);
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 0, LIMIT)).toBe(0);
  expect(await bench.x(TCPOP_CLOSE, status, buffer, sock)).toBe(0);
  expect(openSockets(bench.job)).toBe(0);
});

behaviour({ ids: ['SHUTDOWN-BAD-DIRECTION'], title: 'directions that are none' }, async (bench) => {
  const peer = await startPeer({ steps: [{ echo: 2 }] });
  const sock = await dial(bench, peer);
  for (const direction of [3, -1, 100, 'send and receive 3'.length]) {
    expect(await bench.x(TCPOP_SHUTDOWN, bench.status, '', sock, direction), String(direction)).toBe(-22);
  }
  // The connection is as it was.
  expect(await bench.x(TCPOP_WRITE, bench.status, 'ok', sock)).toBe(2);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 2, LIMIT)).toBe(2);
});

behaviour({ ids: ['CLOSE-OK', 'CLOSE-MINUS-ONE', 'CLOSE-UNKNOWN'], title: 'CLOSE' }, async (bench) => {
  const { status } = bench;
  const peer = await startPeer({ steps: [{ expectEnd: 'fin' }] });
  const sock = await dial(bench, peer);
  const number = sock.value;
  expect(await bench.x(TCPOP_CLOSE, status, '', sock)).toBe(0);
  expect([status.value, sock.value]).toEqual([0, -1]);
  await peer.finished();
  expect(await bench.x(TCPOP_CLOSE, status, '', sock)).toBe(-1);
  expect([status.value, sock.value]).toEqual([-1, -1]);
  const unknown = F(number);
  expect(await bench.x(TCPOP_CLOSE, status, '', unknown)).toBe(-9);
  expect(unknown.value).toBe(number);
  expect(await bench.x(TCPOP_CLOSE, status, '', F(0))).toBe(-9);
  expect(await bench.x(TCPOP_CLOSE, status, '', S(5, 'abc'))).toBe(-9);
  expect(await bench.x(TCPOP_CLOSE, status, '', S(5, '-1'))).toBe(-1);
});

behaviour(
  { ids: ['CLOSE-OK'], title: 'CLOSE of a listening socket', options: { bind: '127.0.0.1' } },
  async (bench) => {
    const { sock, port } = await listen(bench);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    expect(sock.value).toBe(-1);
    const refused = F(port);
    expect(await bench.x(9, bench.status, S(0), refused, TCPXFLG_BLOCK, LIMIT, '127.0.0.1')).toBe(-111);
  },
);

behaviour({ ids: ['CLOSE-SENDS'], title: 'what was written is delivered' }, async (bench) => {
  const size = 512 * 1024;
  const peer = await startPeer({ steps: [{ waitFor: 'go' }, { expectFill: size }, { expectEnd: 'fin' }] });
  const sock = await dial(bench, peer);
  const data = fillPattern(size).toString('latin1');
  expect(await bench.x(TCPOP_WRITE, bench.status, data, sock, 0, LIMIT)).toBe(size);
  await peer.release('go');
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  await peer.finished();
});

behaviour({ ids: ['CLOSE-OK'], title: 'CLOSE with unread bytes, and ones the peer still sends' }, async (bench) => {
  const peer = await startPeer({ steps: [{ send: 'unread' }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  await arrived(bench, sock, 6);
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  expect(sock.value).toBe(-1);
});
