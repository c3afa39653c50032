import { F, S, sockary, X } from 'tcpx';
import {
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_CONNECT_OLD,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { freePort } from '../support/peer.ts';
import { makePki } from '../support/pki.ts';
import { fillPattern, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

const { ca } = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const options = { tls: { ca } };
const MIB = 1024 * 1024;
const pattern = fillPattern(8 * MIB);

async function connect({ x, status }: Bench, port: number, flags = TCPXFLG_BLOCK + TCPXFLG_TLS, timer = LIMIT) {
  const sock = F(port);
  await x(TCPOP_CONNECT, status, '', sock, flags, timer, 'localhost');
  return sock;
}

async function connected(bench: Bench, port: number, flags?: number) {
  const sock = await connect(bench, port, flags);
  expect(await explain(bench), 'CONNECT').toBe('Success');
  return sock;
}

/** What ERRMSG says of the last STATUS. */
async function explain({ x, status }: Bench): Promise<string> {
  const text = S(0);
  await x(TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
  return text.value;
}

/** READs `total` bytes, by as many calls as it takes. */
async function receive({ x, status }: Bench, sock: NumberVariable, total: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  const buffer = X(256 * 1024);
  for (let left = total; left > 0; left -= status.value) {
    await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT);
    if (status.value <= 0) throw new Error(`READ gave ${status.value} with ${left} of ${total} bytes missing`);
    parts.push(Buffer.from(buffer.bytes.slice(0, status.value)));
  }
  return Buffer.concat(parts);
}

type NumberVariable = ReturnType<typeof F>;

behaviour(
  {
    ids: ['TLS-CONNECT', 'TLS-BIT-EVERY-CALL'],
    title: 'CONNECT with the TLS bit, WRITE and READ with counts',
    options,
  },
  async (bench) => {
    const { x, status, buffer, job } = bench;
    const peer = await startPeer({
      tls: {},
      steps: [{ expect: 'hello' }, { send: 'welcome' }, { expectEnd: 'close-notify' }],
    });
    const sock = await connected(bench, peer.port);
    expect(job.socket(sock.value).state).toBe('tls');
    buffer.value = 'hello, and what the count leaves out';
    expect(await x(TCPOP_WRITE, status, buffer, sock, 5 + TCPXFLG_TLS, LIMIT)).toBe(5);
    expect(await x(TCPOP_READ, status, buffer, sock, 4 + TCPXFLG_TLS, LIMIT)).toBe(4);
    expect(buffer.value).toBe('welc');
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(3);
    expect(buffer.value).toBe('ome');
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    expect(sock.value).toBe(-1);
    await peer.finished();
  },
);

behaviour({ ids: ['TLS-WRITE'], title: 'WRITE with count 0 sends the whole buffer', options }, async (bench) => {
  const { x, status } = bench;
  const peer = await startPeer({ tls: {}, steps: [{ expect: 'ab\0\0' }, { expect: 'dynamic' }] });
  const sock = await connected(bench, peer.port);
  expect(await x(TCPOP_WRITE, status, S(4, 'ab'), sock, TCPXFLG_TLS, LIMIT)).toBe(4);
  expect(await x(TCPOP_WRITE, status, S(0, 'dynamic'), sock, TCPXFLG_TLS, LIMIT)).toBe(7);
  await peer.finished();
});

behaviour(
  { ids: ['TLS-READ-TABLE'], title: 'a peer that writes and reads a byte at a time', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({
      tls: { fragment: 1 },
      steps: [{ sendSlowly: 'drip drip', everyMs: 2 }, { expect: 'all' }],
    });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_READ, status, buffer, sock, 9 + TCPXFLG_TLS, LIMIT)).toBe(9);
    expect(buffer.value).toBe('drip drip');
    expect(await x(TCPOP_WRITE, status, 'all', sock, 3 + TCPXFLG_TLS, LIMIT)).toBe(3);
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-BIT-FORGOTTEN'], title: 'calls without the TLS bit on a TLS socket still are TLS', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({
      tls: {},
      steps: [{ expect: 'abc' }, { send: 'def' }, { expectEnd: 'close-notify' }],
    });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_WRITE, status, 'abc', sock, 3, LIMIT)).toBe(3);
    expect(await x(TCPOP_CHECK, status, '', sock, 0, LIMIT)).toBe(1);
    expect(await x(TCPOP_CHKQTY, status, '', sock, 0)).toBe(3);
    expect(await x(TCPOP_READ, status, buffer, sock, 0, LIMIT)).toBe(3);
    expect(buffer.value).toBe('def');
    expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(0);
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-BIT-ON-PLAIN'], title: 'the TLS bit on a plain socket: part of the count, ignored elsewhere' },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ steps: [{ fill: TCPXFLG_TLS + 3 }, { expectEnd: 'any' }] });
    const sock = await connect(bench, peer.port, TCPXFLG_BLOCK);
    expect(status.value).toBe(0);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(1);
    const area = X(TCPXFLG_TLS + 3);
    expect(await x(TCPOP_READ, status, area, sock, TCPXFLG_TLS + 3, LIMIT)).toBe(TCPXFLG_TLS + 3);
    expect(pattern.subarray(0, TCPXFLG_TLS + 3).equals(area.bytes)).toBe(true);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.finished();
  },
);

behaviour(
  {
    ids: ['TLS-CHECK', 'TLS-CHKQTY'],
    title: 'CHECK and CHKQTY see what has been decrypted, 40 000 bytes of it',
    options,
  },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ expect: 'go' }, { fill: 40_000 }, { expectEnd: 'any' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_CHKQTY, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await x(TCPOP_WRITE, status, 'go', sock, 2 + TCPXFLG_TLS, LIMIT);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(1);
    const until = Date.now() + LIMIT;
    while ((await x(TCPOP_CHKQTY, status, '', sock, TCPXFLG_TLS)) < 40_000) {
      expect(status.value).toBeGreaterThan(0);
      expect(Date.now(), `${status.value} bytes`).toBeLessThan(until);
    }
    expect(status.value).toBe(40_000);
    const area = X(40_000);
    expect(await x(TCPOP_READ, status, area, sock, 39_999 + TCPXFLG_TLS, LIMIT)).toBe(39_999);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS)).toBe(1);
    expect(await x(TCPOP_CHKQTY, status, '', sock, TCPXFLG_TLS)).toBe(1);
    expect(fillPattern(39_999).equals(area.bytes.slice(0, 39_999))).toBe(true);
    expect(await x(TCPOP_READ, status, area, sock, TCPXFLG_TLS, LIMIT)).toBe(1);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-CHECK'], title: 'CHECK is 0 when only session tickets have arrived', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ tls: { minVersion: 'TLSv1.3' }, steps: [{ waitFor: 'data' }, { send: 'x' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, 100)).toBe(0);
    expect(await x(TCPOP_CHKQTY, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.release('data');
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(1);
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(1);
    await peer.finished();
  },
);

behaviour(
  {
    ids: ['TLS-CHECK', 'TLS-CLOSE-NOTIFY'],
    title: 'CHECK after close_notify: data first, then the end, socket kept',
    options,
  },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({
      tls: {},
      steps: [{ send: 'bye' }, { close: 'half' }, { expectEnd: 'close-notify' }],
    });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(1);
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(3);
    const until = Date.now() + LIMIT;
    while ((await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, 100)) === 0) expect(Date.now()).toBeLessThan(until);
    expect(status.value).toBe(-1);
    expect(await x(TCPOP_CHKQTY, status, '', sock, TCPXFLG_TLS)).toBe(-1);
    expect(sock.value).toBeGreaterThan(0);
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(0);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.finished();
  },
);

behaviour(
  {
    ids: ['TLS-COUNT', 'TLS-CHKQTY'],
    title: '3 MiB against the bound of the read-ahead, then the end: all is delivered',
    options,
  },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ fill: 3 * MIB }, { close: 'half' }, { expectEnd: 'any' }] });
    const sock = await connected(bench, peer.port);
    const until = Date.now() + LIMIT;
    while ((await x(TCPOP_CHKQTY, status, '', sock, TCPXFLG_TLS)) < MIB) expect(Date.now()).toBeLessThan(until);
    expect(status.value).toBeLessThan(2 * MIB);
    expect((await receive(bench, sock, 3 * MIB)).equals(pattern.subarray(0, 3 * MIB))).toBe(true);
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT), await explain(bench)).toBe(0);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-COUNT', 'TLS-WRITE'], title: '8 MiB out and in again, content checked', options },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ echo: true }] });
    const sock = await connected(bench, peer.port);
    const piece = X(TCPXFLG_TLS - 1);
    let back = 0;
    for (let at = 0; at < pattern.length; at += status.value) {
      piece.value = pattern.subarray(at, at + piece.size);
      const count = Math.min(piece.size, pattern.length - at);
      expect(await x(TCPOP_WRITE, status, piece, sock, count + TCPXFLG_TLS, LIMIT)).toBe(count);
      const echo = await receive(bench, sock, count);
      expect(echo.equals(pattern.subarray(at, at + count))).toBe(true);
      back += echo.length;
      status.value = count;
    }
    expect(back).toBe(8 * MIB);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    const { connections } = await peer.finished();
    expect(connections[0]?.end).toBe('close-notify');
  },
);

behaviour(
  {
    ids: ['TLS-WRITE'],
    title: 'a WRITE without room: would-block, part of it within a timer, and nothing lost',
    options,
  },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ waitFor: 'read' }, { expect: 'begin' }, { discard: 'end' }] });
    const sock = await connected(bench, peer.port, TCPXFLG_TLS);
    expect(await x(TCPOP_WRITE, status, 'begin', sock, 5 + TCPXFLG_TLS)).toBe(5);
    const piece = X(900_000);
    let sent = 5;
    for (;;) {
      await x(TCPOP_WRITE, status, piece, sock, 900_000 + TCPXFLG_TLS, 50);
      if (status.value === -11) break;
      expect(status.value).toBeGreaterThan(0);
      sent += status.value;
    }
    expect(await x(TCPOP_WRITE, status, piece, sock, 900_000 + TCPXFLG_TLS)).toBe(-11);
    expect(sock.value).toBeGreaterThan(0);
    await peer.release('read');
    expect(await x(TCPOP_WRITE, status, 'end', sock, 3 + TCPXFLG_TLS, LIMIT)).toBe(3);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    const { connections } = await peer.finished();
    expect(connections[0]?.receivedBytes).toBe(sent + 3);
    expect(connections[0]?.end).toBe('close-notify');
  },
);

behaviour(
  {
    ids: ['TLS-WRITE', 'WRITE-NONBLOCK-ALL-OR-NOTHING'],
    title: 'a WRITE that may not wait goes out whole or not at all',
    options,
  },
  async (bench) => {
    const { x, status } = bench;
    for (const size of [60_000, 300_000, MIB - 1]) {
      const peer = await startPeer({ tls: {}, steps: [{ waitFor: 'read' }, { discard: 'end' }] });
      const sock = await connected(bench, peer.port, TCPXFLG_TLS);
      const piece = X(size);
      let sent = 0;
      while ((await x(TCPOP_WRITE, status, piece, sock, size + TCPXFLG_TLS)) !== -11) {
        expect(status.value).toBe(size);
        sent += size;
        expect(sent).toBeLessThan(64 * MIB);
      }
      expect(sent).toBeGreaterThan(0);
      await peer.release('read');
      expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
      expect((await peer.finished()).connections[0]).toMatchObject({ receivedBytes: sent, end: 'close-notify' });
    }
  },
);

behaviour(
  { ids: ['TLS-READ-TABLE'], title: 'would-block and an expired READ timer are -11 on TLS too', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ waitFor: 'end' }] });
    const sock = await connected(bench, peer.port, TCPXFLG_TLS);
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS)).toBe(-11);
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, 40)).toBe(-11);
    expect(await x(TCPOP_READ, status, buffer, sock, 10 + TCPXFLG_TLS, 40)).toBe(-11);
    expect(sock.value).toBeGreaterThan(0);
    await peer.release('end');
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-READ-TABLE'], title: 'a timed READ for more than came gives what came', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ send: 'part' }, { waitFor: 'end' }, { send: 'rest' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_READ, status, buffer, sock, 8 + TCPXFLG_TLS, 200)).toBe(4);
    await peer.release('end');
    expect(await x(TCPOP_READ, status, buffer, sock, 8 + TCPXFLG_TLS, LIMIT)).toBe(4);
    expect(buffer.value).toBe('rest');
    await peer.finished();
  },
);

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const only = { minVersion: version, maxVersion: version };

  behaviour(
    { ids: ['TLS-SHUTDOWN'], title: `${version}: CLOSE sends close_notify, then FIN`, options },
    async (bench) => {
      const { x, status } = bench;
      const peer = await startPeer({ tls: only, steps: [{ expect: 'x' }, { expectEnd: 'close-notify' }] });
      const sock = await connected(bench, peer.port);
      await x(TCPOP_WRITE, status, 'x', sock, 1 + TCPXFLG_TLS, LIMIT);
      expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
      await peer.finished();
    },
  );

  behaviour({ ids: ['TLS-SHUTDOWN'], title: `${version}: CLOSE right after CONNECT`, options }, async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ tls: only, steps: [{ expectEnd: 'close-notify' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.finished();
  });

  behaviour(
    { ids: ['TLS-SHUTDOWN'], title: `${version}: CLOSE with data of the peer unread`, options },
    async (bench) => {
      const { x, status } = bench;
      const peer = await startPeer({
        tls: only,
        steps: [{ send: 'nobody reads this' }, { expect: 'last words' }, { expectEnd: 'close-notify' }],
      });
      const sock = await connected(bench, peer.port);
      expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(1);
      await x(TCPOP_WRITE, status, 'last words', sock, 10 + TCPXFLG_TLS, LIMIT);
      expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
      await peer.finished();
    },
  );

  behaviour(
    { ids: ['TLS-SHUTDOWN'], title: `${version}: SHUTDOWN for sending says close_notify and still reads`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      const peer = await startPeer({
        tls: only,
        steps: [{ expect: 'q' }, { expectEnd: 'close-notify' }, { send: 'answer' }],
      });
      const sock = await connected(bench, peer.port);
      await x(TCPOP_WRITE, status, 'q', sock, 1 + TCPXFLG_TLS, LIMIT);
      expect(await x(TCPOP_SHUTDOWN, status, '', sock, 1 + TCPXFLG_TLS)).toBe(0);
      expect(await x(TCPOP_READ, status, buffer, sock, 6 + TCPXFLG_TLS, LIMIT)).toBe(6);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(0);
      expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
      await peer.finished();
    },
  );

  behaviour(
    {
      ids: ['TLS-CLOSE-NOTIFY'],
      title: `${version}: close_notify of the peer: READ gives 0, again and again`,
      options,
    },
    async (bench) => {
      const { x, status, buffer } = bench;
      const peer = await startPeer({ tls: only, steps: [{ send: 'end' }, { close: 'fin' }] });
      const sock = await connected(bench, peer.port);
      expect(await x(TCPOP_READ, status, buffer, sock, 3 + TCPXFLG_TLS, LIMIT)).toBe(3);
      for (let again = 0; again < 3; again += 1) {
        expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(0);
      }
      expect(sock.value).toBeGreaterThan(0);
      expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
      await peer.finished();
    },
  );

  behaviour(
    { ids: ['TLS-CLOSE-NOTIFY'], title: `${version}: close_notify without FIN also ends the stream`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      const peer = await startPeer({
        tls: only,
        steps: [{ send: 'end' }, { close: 'close-notify' }, { expectEnd: 'any' }],
      });
      const sock = await connected(bench, peer.port);
      expect(await x(TCPOP_READ, status, buffer, sock, 3 + TCPXFLG_TLS, LIMIT)).toBe(3);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(0);
      expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
      await peer.finished();
    },
  );

  behaviour(
    { ids: ['TLS-TRUNCATED'], title: `${version}: FIN without close_notify is -110 behind the data`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      const peer = await startPeer({ tls: only, steps: [{ send: 'cut' }, { close: 'no-close-notify' }] });
      const sock = await connected(bench, peer.port);
      expect(await x(TCPOP_READ, status, buffer, sock, 3 + TCPXFLG_TLS, LIMIT)).toBe(3);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(-110);
      expect(sock.value).toBe(-1);
      expect(await explain(bench)).toMatch(/without the TLS/);
      await peer.finished();
    },
  );

  for (const [close, wanted] of [
    ['fin', 0],
    ['close-notify', 0],
    ['no-close-notify', -110],
  ] as const) {
    behaviour(
      {
        ids: [wanted === 0 ? 'TLS-CLOSE-NOTIFY' : 'TLS-TRUNCATED'],
        title: `${version}: ${close} behind more than is read ahead is ${wanted}, however late it is read`,
        options,
      },
      async (bench) => {
        const { x, status, buffer } = bench;
        // The end comes with the bytes that fill the read-ahead, or behind more than fits in there.
        for (const amount of [MIB + 30_000, MIB + 60_000, 3 * MIB]) {
          const peer = await startPeer({ tls: only, steps: [{ fill: amount }, { close }, { expectEnd: 'any' }] });
          const sock = await connected(bench, peer.port);
          while ((await x(TCPOP_CHKQTY, status, buffer, sock, TCPXFLG_TLS)) < MIB) {
            expect(status.value).not.toBeLessThan(0);
          }
          expect((await receive(bench, sock, amount)).equals(pattern.subarray(0, amount))).toBe(true);
          expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(wanted);
          await x(TCPOP_CLOSE, status, '', sock);
        }
      },
    );
  }

  behaviour({ ids: ['TLS-RESET'], title: `${version}: a reset is -54 behind the data`, options }, async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ tls: only, steps: [{ send: 'cut' }, { waitFor: 'reset' }, { close: 'rst' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_READ, status, buffer, sock, 3 + TCPXFLG_TLS, LIMIT)).toBe(3);
    await peer.release('reset');
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(-54);
    expect(sock.value).toBe(-1);
    await peer.finished();
  });
}

behaviour(
  { ids: ['TLS-SHUTDOWN'], title: 'SHUTDOWN for receiving: READ gives 0 although data comes', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ expect: 'go' }, { send: 'late' }, { expectEnd: 'any' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_SHUTDOWN, status, '', sock, 0 + TCPXFLG_TLS)).toBe(0);
    await x(TCPOP_WRITE, status, 'go', sock, 2 + TCPXFLG_TLS, LIMIT);
    await peer.received();
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, 100)).toBe(0);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
  },
);

behaviour(
  { ids: ['TLS-SHUTDOWN'], title: 'SHUTDOWN for both, then WRITE fails and CLOSE works', options },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'close-notify' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_SHUTDOWN, status, '', sock, 2 + TCPXFLG_TLS)).toBe(0);
    expect(await x(TCPOP_SHUTDOWN, status, '', sock, 2 + TCPXFLG_TLS)).toBe(0);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-SHUTDOWN'], title: 'a second SHUTDOWN has nothing to do, whatever the peer has done since', options },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'close-notify' }, { close: 'rst' }] });
    const sock = await connected(bench, peer.port);
    expect(await x(TCPOP_SHUTDOWN, status, '', sock, 2 + TCPXFLG_TLS)).toBe(0);
    await peer.finished();
    expect(await x(TCPOP_SHUTDOWN, status, '', sock, 2 + TCPXFLG_TLS)).toBe(0);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
  },
);

behaviour({ ids: ['TLS-SHUTDOWN'], title: 'WRITE after SHUTDOWN for sending is -10', options }, async (bench) => {
  const { x, status } = bench;
  const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'close-notify' }] });
  const sock = await connected(bench, peer.port);
  expect(await x(TCPOP_SHUTDOWN, status, '', sock, 1 + TCPXFLG_TLS)).toBe(0);
  expect(await x(TCPOP_WRITE, status, 'x', sock, 1 + TCPXFLG_TLS, LIMIT)).toBe(-10);
  expect(sock.value).toBe(-1);
  await peer.finished();
});

behaviour(
  { ids: ['TLS-TIMER'], title: 'the timer of CONNECT bounds the handshake: -319, socket gone', options },
  async (bench) => {
    const { status } = bench;
    const peer = await startPeer({ steps: [{ neverRead: true }] });
    const begun = performance.now();
    const sock = await connect(bench, peer.port, TCPXFLG_BLOCK + TCPXFLG_TLS, 200);
    const took = performance.now() - begun;
    expect(status.value).toBe(-319);
    expect(sock.value).toBe(-1);
    expect(took).toBeGreaterThanOrEqual(190);
    // Without the timer it would be 40 s.
    expect(took).toBeLessThan(LIMIT);
    expect(await explain(bench)).toMatch(/time/i);
    expect(bench.job.sockets).toEqual([]);
  },
);

behaviour(
  {
    ids: ['TLS-TIMER'],
    title: 'without a timer the option tls.handshakeTimeout bounds it',
    options: { tls: { ca, handshakeTimeout: 200 } },
  },
  async (bench) => {
    const peer = await startPeer({ steps: [{ neverRead: true }] });
    const begun = performance.now();
    const sock = await connect(bench, peer.port, TCPXFLG_BLOCK + TCPXFLG_TLS, 0);
    expect(bench.status.value).toBe(-319);
    expect(performance.now() - begun).toBeLessThan(LIMIT);
    expect(sock.value).toBe(-1);
  },
);

behaviour(
  { ids: ['TLS-CONNECT'], title: 'before the handshake statuses are errno: connection refused, unknown name', options },
  async (bench) => {
    const { x, status } = bench;
    const sock = await connect(bench, await freePort());
    expect(status.value).toBe(-111);
    expect(sock.value).toBe(-1);
    expect(await explain(bench)).toMatch(/refused/i);
    const other = F(443);
    await x(TCPOP_CONNECT, status, '', other, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, 'no-such-host.invalid');
    expect(status.value).toBe(-2);
  },
);

behaviour(
  {
    ids: ['TLS-ASYNC-CONNECT'],
    title: 'ASYNC with TLS: pending covers the handshake; CHECK takes it further',
    options,
  },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({
      steps: [{ waitFor: 'tls' }, { startTls: {} }, { send: 'hi' }, { expectEnd: 'close-notify' }],
    });
    const sock = F(peer.port);
    expect(await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_TLS, 50, 'localhost')).toBe(
      0,
    );
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.release('tls');
    const until = Date.now() + LIMIT;
    while ((await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, 50)) === 0) expect(Date.now()).toBeLessThan(until);
    expect(status.value).toBe(1);
    expect(await x(TCPOP_READ, status, buffer, sock, 2 + TCPXFLG_TLS, LIMIT)).toBe(2);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await peer.finished();
  },
);

/** READs, in vain, until an asynchronous CONNECT with TLS has been made. */
async function readUntilMade({ x, status, buffer, job }: Bench, sock: NumberVariable): Promise<void> {
  const end = Date.now() + LIMIT;
  while (job.socket(sock.value).kind === 'connecting') {
    expect(await x(TCPOP_READ, status, buffer, sock, 1 + TCPXFLG_TLS, 20)).toBe(-11);
    expect(Date.now()).toBeLessThan(end);
  }
}

behaviour(
  {
    ids: ['TLS-ASYNC-CONNECT', 'ASYNC-CONNECT-IO', 'CHECK-CONNECTING'],
    title: 'ASYNC with TLS: READ takes the handshake further, CHECK still says 1 once',
    options,
  },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({
      steps: [{ waitFor: 'tls' }, { startTls: {} }, { expect: 'go' }, { send: 'hi' }, { expectEnd: 'close-notify' }],
      count: 2,
    });
    const flags = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_TLS;
    const sock = F(peer.port);
    expect(await x(TCPOP_CONNECT, status, '', sock, flags, 20, 'localhost')).toBe(0);
    const set = sockary(3);
    const index = F(peer.port);
    expect(await x(TCPOP_CONNECT, status, '', index, flags, 20, 'localhost', set)).toBe(0);
    expect(await x(TCPOP_WRITE, status, 'go', sock, 2 + TCPXFLG_TLS, 20)).toBe(-11);
    await peer.release('tls');

    await readUntilMade(bench, sock);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS)).toBe(1);
    expect(await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS)).toBe(0);

    // A set counts it once; the CHECK on its own index tells what it was.
    const member = F(set.socket(1));
    await readUntilMade(bench, member);
    const whole = F(0);
    expect(await x(TCPOP_CHECK, status, '', whole, TCPXFLG_TLS, 0, '', set)).toBe(1);
    expect([whole.value, set.ready(1)]).toEqual([1, true]);
    whole.value = 0;
    expect(await x(TCPOP_CHECK, status, '', whole, TCPXFLG_TLS, 0, '', set)).toBe(0);
    expect(await x(TCPOP_CHECK, status, '', index, TCPXFLG_TLS, 0, '', set)).toBe(1);
    expect(await x(TCPOP_CHECK, status, '', index, TCPXFLG_TLS, 0, '', set)).toBe(0);

    for (const made of [sock, member]) {
      expect(await x(TCPOP_WRITE, status, 'go', made, 2 + TCPXFLG_TLS, LIMIT)).toBe(2);
      expect(await x(TCPOP_READ, status, buffer, made, 2 + TCPXFLG_TLS, LIMIT)).toBe(2);
      await x(TCPOP_CLOSE, status, '', made, TCPXFLG_TLS);
    }
    await peer.finished();
  },
);

behaviour(
  {
    ids: ['TLS-ASYNC-CONNECT'],
    title: 'two calls that wait for the same asynchronous CONNECT; CLOSE ends both',
    options,
  },
  async (bench) => {
    if (bench.mode === 'sync') return;
    const { x } = bench;
    const flags = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_TLS;
    for (const ends of [false, true]) {
      const peer = await startPeer({ steps: [{ waitFor: 'tls' }, { startTls: {} }, { send: 'hi' }, { waitFor: 'x' }] });
      const sock = F(peer.port);
      expect(await x(TCPOP_CONNECT, F(), '', sock, flags, 20, 'localhost')).toBe(0);
      const reading = x(TCPOP_READ, F(), S(10), sock, 2 + TCPXFLG_TLS, LIMIT);
      const checking = x(TCPOP_CHECK, F(), '', sock, TCPXFLG_TLS, LIMIT);
      if (ends) expect(await x(TCPOP_CLOSE, F(), '', sock, TCPXFLG_TLS)).toBe(0);
      else await peer.release('tls');
      expect(await Promise.all([reading, checking])).toEqual(ends ? [-125, -125] : [2, 1]);
      if (!ends) await x(TCPOP_CLOSE, F(), '', sock, TCPXFLG_TLS);
      expect(bench.job.sockets).toEqual([]);
    }
  },
);

behaviour(
  { ids: ['TLS-READ-TABLE'], title: 'a READ that waits while WRITE works on the same socket', options },
  async (bench) => {
    if (bench.mode === 'sync') return;
    const { job, status } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ expectFill: MIB }, { send: 'got it' }, { expectEnd: 'any' }] });
    const sock = await connected(bench, peer.port);
    const buffer = S(20);
    const received = F();
    const reading = job.xcall.async('TCPX', TCPOP_READ, received, buffer, sock, 6 + TCPXFLG_TLS, LIMIT);
    const second = F();
    expect(await job.xcall.async('TCPX', TCPOP_READ, second, S(20), sock, TCPXFLG_TLS, LIMIT)).toBe(-114);
    const whole = pattern.subarray(0, MIB);
    for (let at = 0; at < MIB; at += MIB / 2) {
      const piece = X(MIB / 2, whole.subarray(at, at + MIB / 2));
      expect(await job.xcall.async('TCPX', TCPOP_WRITE, status, piece, sock, MIB / 2 + TCPXFLG_TLS, LIMIT)).toBe(
        MIB / 2,
      );
    }
    expect(await reading).toBe(6);
    expect(buffer.value).toBe('got it');
    await bench.x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await peer.finished();
  },
);

behaviour({ ids: ['TLS-SHUTDOWN'], title: 'CLOSE ends a READ that waits with -125', options }, async (bench) => {
  if (bench.mode === 'sync') return;
  const { job, status } = bench;
  const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'close-notify' }] });
  const sock = await connected(bench, peer.port);
  const received = F();
  const reading = job.xcall.async('TCPX', TCPOP_READ, received, S(20), F(sock.value), TCPXFLG_TLS);
  expect(await job.xcall.async('TCPX', TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
  expect(await reading).toBe(-125);
  await peer.finished();
});

behaviour(
  { ids: ['TLS-OLD-CONNECT'], title: 'the old connect reads its greeting decrypted', options },
  async (bench) => {
    const { x, status, job } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ send: 'welcome' }, { expectEnd: 'close-notify' }] });
    const sock = F(peer.port);
    const greeting = S(80, 'NORMAL:-VERS-ALL:+VERS-TLS1.2');
    const flags = TCPXFLG_BLOCK + TCPXFLG_TLS;
    expect(await x(TCPOP_CONNECT_OLD, status, greeting, sock, flags, LIMIT, 'localhost'), await explain(bench)).toBe(0);
    expect(greeting.value).toBe('welcome');
    expect(job.socket(sock.value).tls?.version).toBe('TLSv1.2');
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await peer.finished();
  },
);

behaviour(
  {
    ids: ['TLS-OLD-CONNECT'],
    title: 'the old connect without a greeting: the timer bounds handshake and greeting',
    options,
  },
  async (bench) => {
    const { x, status, job } = bench;
    const peer = await startPeer({ tls: {}, steps: [{ waitFor: 'never' }] });
    const sock = F(peer.port);
    const begun = performance.now();
    expect(await x(TCPOP_CONNECT_OLD, status, S(80), sock, TCPXFLG_BLOCK + TCPXFLG_TLS, 200, 'localhost')).toBe(-110);
    expect(performance.now() - begun).toBeLessThan(LIMIT);
    expect(sock.value).toBe(-1);
    expect(job.sockets).toEqual([]);
  },
);

behaviour(
  {
    ids: ['TLS-SOCKARY'],
    title: 'a set of TLS sockets: decrypted data and ends are ready, session tickets are not',
    options,
  },
  async (bench) => {
    const { x, status, buffer } = bench;
    const quiet = await startPeer({ tls: {}, steps: [{ waitFor: 'end' }] });
    const talks = await startPeer({
      tls: {},
      steps: [{ waitFor: 'talk' }, { send: 'one and two' }, { expectEnd: 'any' }],
    });
    const set = sockary(4);
    const index = F();
    for (const { port } of [quiet, talks]) {
      index.value = port;
      expect(await x(TCPOP_CONNECT, status, '', index, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, 'localhost', set)).toBe(0);
    }
    expect(index.value).toBe(2);
    index.value = 0;
    expect(await x(TCPOP_CHECK, status, '', index, TCPXFLG_TLS, 60, '', set)).toBe(0);
    await talks.release('talk');
    expect(await x(TCPOP_CHECK, status, '', index, TCPXFLG_TLS, LIMIT, '', set)).toBe(1);
    expect(index.value).toBe(2);
    expect(await x(TCPOP_READ, status, buffer, index, 3 + TCPXFLG_TLS, LIMIT, '', set)).toBe(3);
    // The rest is decrypted already: nothing more comes from the kernel.
    index.value = 0;
    expect(await x(TCPOP_CHECK, status, '', index, TCPXFLG_TLS, LIMIT, '', set)).toBe(1);
    expect(await x(TCPOP_READ, status, buffer, index, 8 + TCPXFLG_TLS, LIMIT, '', set)).toBe(8);
    expect(buffer.value).toBe(' and two');
    await quiet.release('end');
    index.value = 0;
    expect(await x(TCPOP_CHECK, status, '', index, TCPXFLG_TLS, LIMIT, '', set)).toBe(1);
    expect(index.value).toBe(1);
    expect(await x(TCPOP_READ, status, buffer, index, TCPXFLG_TLS, LIMIT, '', set)).toBe(0);
    index.value = 0;
    expect(await x(TCPOP_CLOSE, status, '', index, TCPXFLG_TLS, 0, '', set)).toBe(0);
    await talks.finished();
  },
);

behaviour(
  {
    ids: ['ASYNC-CONNECT-CLOSE'],
    title: 'CLOSE gives up a handshake that is on its way, and lets go of the connection',
  },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ steps: [{ discard: 'end' }] });
    const sock = F(peer.port);
    expect(await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_ASYNC + TCPXFLG_TLS, 100, peer.host)).toBe(0);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    expect(sock.value).toBe(-1);
    const { connections } = await peer.finished();
    expect(connections[0]?.receivedBytes).toBeGreaterThan(0);
  },
);
