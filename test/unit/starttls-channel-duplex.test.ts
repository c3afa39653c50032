import { once } from 'node:events';
import { expect, it } from 'vitest';
import { NEVER } from '../../src/core/deadline.ts';
import { CancelledError } from '../../src/core/errors.ts';
import type { Op } from '../../src/core/op.ts';
import { nextTurn, promiseOp } from '../../src/core/promise-op.ts';
import { ChannelError, type StreamingChannel } from '../../src/starttls/channel.ts';
import { ChannelDuplex } from '../../src/starttls/channel-duplex.ts';

const broken = new ChannelError(-32, 'errno', 'broken pipe');
const cancelled = new CancelledError('the call was cancelled');

function* endsOp(error: Error, late: boolean): Op<never> {
  if (late) yield* promiseOp(nextTurn(), NEVER);
  throw error;
}

/** A channel on which a call in one direction fails, which cancels the one in the other. */
function channelWith(receiveOp: () => Op<never>, sendOp: () => Op<never>): StreamingChannel {
  return {
    tls: null,
    receiveOp,
    sendOp,
    helloOp: () => endsOp(broken, false),
    upgradeOp: () => endsOp(broken, false),
    *endOp() {},
    *closeOp() {},
  };
}

const write = (stream: ChannelDuplex) => void stream.write('x', () => {});
const read = (stream: ChannelDuplex) => void stream.read(0);

it.each([
  ['sending', [write, read], { receiveOp: () => endsOp(cancelled, false), sendOp: () => endsOp(broken, true) }],
  ['receiving', [read, write], { receiveOp: () => endsOp(broken, true), sendOp: () => endsOp(cancelled, false) }],
] as const)('a failure of %s is the error of the stream, whichever call ends first', async (_, calls, channel) => {
  const stream = new ChannelDuplex(channelWith(channel.receiveOp, channel.sendOp), {
    unread: new Uint8Array(0),
    remote: { host: '', port: 0 },
    allowHalfOpen: false,
  });
  const failed = once(stream, 'error');
  for (const call of calls) call(stream);
  expect(await failed).toEqual([broken]);
});
