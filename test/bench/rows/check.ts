/** CHECK: what a program that polls pays for a look. */
import { alternate, inC, inNode, scaled, withServer } from '../harness.ts';
import { against, microseconds, type Row } from '../row.ts';

const WARMUP = 200_000;
const BATCHES = 40;
const SIZE = 5000;

export const checkIdle: Row = {
  name: 'check',
  needs: ['taskset', 'cc'],
  async run(bench) {
    const turns = { warmup: WARMUP, amount: scaled(bench, BATCHES), size: SIZE };
    return await withServer(bench, 'two cores', 'plain-server', [], async (port) => {
      const order = { ...turns, port, work: 'check' };
      const ours = inNode(bench, 'xcall', order);
      const theirs = inC(bench, 'plain-client', 'check', port, turns.warmup, turns.amount, turns.size);
      const samples = await alternate(bench, [ours, theirs], ['ns']);
      const asynchronous = await alternate(bench, [inNode(bench, 'xcall', { ...order, mode: 'async' })], []);
      return [
        against(samples, 1, 'ns', microseconds, {
          work: 'CHECK idle, native, sync',
          cores: 'client 0',
          name: 'poll(2) in C',
          goal: { most: 2 },
        }),
        {
          ...against([...asynchronous, ...samples.slice(1)], 1, 'ns', microseconds, {
            work: 'CHECK idle, native, async',
            cores: 'client 0',
            name: 'poll(2) in C',
            goal: null,
          }),
          ratio: null,
        },
      ];
    });
  },
};

const FEW = 10;
const MANY = 1000;

export const checkSet: Row = {
  name: 'sockary',
  needs: ['taskset', 'cc'],
  async run(bench) {
    const order = { work: 'set', warmup: 50_000, size: scaled(bench, 4000) };
    return await withServer(bench, 'two cores', 'plain-server', [], async (port) => {
      const many = inNode(bench, 'xcall', { ...order, port, amount: MANY });
      const few = inNode(bench, 'xcall', { ...order, port, amount: FEW });
      const samples = await alternate(bench, [many, few], ['ns']);
      return [
        against(samples, 1, 'ns', microseconds, {
          work: `CHECK of ${MANY} sockets, one ready, native, sync`,
          cores: 'client 0',
          name: `${FEW} sockets`,
          goal: { most: 2 },
        }),
      ];
    });
  },
};
