/** Many connections on one job: those that are silent must cost memory and nothing else. */
import { alternate, type Bench, type Contender, figure, inNode, sample, scaled, withServer } from '../harness.ts';
import { against, type Line, perSecond, type Row } from '../row.ts';

const ALL = 10_000;
const ACTIVE = 100;

/** Connections take time to open and leave ports behind: fewer runs than elsewhere are enough. */
function contender(bench: Bench, port: number, engine: 'gnutls' | 'node', amount: number): Contender {
  const order = {
    work: 'connections',
    mode: 'async',
    engine,
    port,
    warmup: 50,
    amount,
    size: scaled(bench, 40),
  } as const;
  return inNode(bench, 'xcall', order, ['--expose-gc']);
}

export const connections: Row = {
  name: 'connections',
  needs: ['taskset', 'cc', 'descriptors'],
  async run(bench) {
    return await withServer(bench, 'two cores', 'plain-server', [], async (port) => {
      const samples = await alternate(
        bench,
        [contender(bench, port, 'gnutls', ALL), contender(bench, port, 'gnutls', ACTIVE)],
        ['rate'],
      );
      const node = [[await sample(contender(bench, port, 'node', ALL))]];
      const bytes = (from: typeof node | typeof samples) => `${(figure(from, 0, 'bytes') / 1024).toFixed(1)} KiB`;
      const stated = { cores: 'client 0', theirs: '', ratio: null, goal: null };
      const lines: Line[] = [
        against(samples, 1, 'rate', perSecond, {
          work: `echo, ${ACTIVE} active of ${ALL} connections, native, async`,
          cores: 'two cores',
          name: `${ACTIVE} of ${ACTIVE}`,
          goal: { least: 0.9 },
        }),
        { ...stated, work: 'memory per idle connection, native', ours: bytes(samples) },
        { ...stated, work: 'memory per idle connection, node', ours: bytes(node) },
      ];
      return lines;
    });
  },
};
