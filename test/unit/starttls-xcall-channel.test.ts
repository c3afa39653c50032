// What a channel makes of a WRITE that its timer ends: a part that went out is progress, and nothing at all is silence.
import { describe, expect, it } from 'vitest';
import type { Variable } from '../../src/basic/variables.ts';
import { Deadline } from '../../src/core/deadline.ts';
import { runSync } from '../../src/core/run.ts';
import { XcallChannel } from '../../src/starttls/xcall-channel.ts';
import type { Caller } from '../../src/tcpx/index.ts';

/** A peer that takes so many bytes within each timer, until it has had enough. */
function channelTo(perTimer: number, most: number) {
  const peer = { now: 0, taken: 0 };
  const caller = {
    socket: () => ({ kind: 'stream', state: 'plain', blocking: true }),
    // biome-ignore lint/correctness/useYield: it never waits
    *xcallOp(
      _routine: string,
      _opcode: number,
      _status: Variable,
      buffer: { readonly bytes: Uint8Array },
      ...rest: number[]
    ) {
      const count = Math.min(buffer.bytes.length, perTimer, most - peer.taken);
      peer.taken += count;
      if (count < buffer.bytes.length) peer.now += rest.at(-1) ?? 0;
      return count > 0 ? { status: count, origin: 'tcpx', text: '' } : { status: -11, origin: 'errno', text: '' };
    },
  };
  return { peer, channel: new XcallChannel(caller as unknown as Caller, 3) };
}

const waiter = { wait: () => 'timeout' as const };

describe('sending to a peer', () => {
  const send = (perTimer: number, most: number, time = 1e6) => {
    const { peer, channel } = channelTo(perTimer, most);
    const until = Deadline.after(time, () => peer.now);
    return { peer, result: runSync(channel.sendOp(new Uint8Array(10_000), until, 100), waiter) };
  };

  it('that takes a little within each patience lasts as long as it takes', () => {
    expect(send(500, 10_000)).toEqual({ result: 'sent', peer: { now: 1_900, taken: 10_000 } });
  });

  it('that takes nothing more is given up within its patience', () => {
    expect(send(500, 2_000)).toEqual({ result: 'timeout', peer: { now: 500, taken: 2_000 } });
  });

  it('ends with the deadline, whatever it takes', () => {
    expect(send(500, 10_000, 450)).toEqual({ result: 'timeout', peer: { now: 450, taken: 2_500 } });
  });
});
