/** What loading the package adds to the start of a program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { alternate, type Bench, type Contender, type Figures, plainEnvironment, type Samples } from '../harness.ts';
import { against, type Row } from '../row.ts';

/** Processes of each contender in a round: each is soon over, and much disturbs it. */
const PROCESSES = 31;

/**
 * Lets processes take turns, one of each: several of a kind in a row would find warm what no cold start does. `ms` is how
 * long a process takes from its start to its end.
 */
export function alternateStarts(bench: Bench, contenders: readonly Contender[]): Promise<Samples> {
  return alternate(bench, contenders, ['ms'], timed, PROCESSES);
}

async function timed({ command }: Contender): Promise<Figures> {
  const begun = performance.now();
  const child = spawn('taskset', ['-c', '0', ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: plainEnvironment(),
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
  return { ms: performance.now() - begun };
}

export const startUp: Row = {
  name: 'start-up',
  needs: ['taskset'],
  async run(bench) {
    const file = fileURLToPath(new URL('../clients/start-up.js', import.meta.url));
    const contenders: Contender[] = [
      { command: [process.execPath, file] },
      { command: [process.execPath, '-e', '0'] },
      { command: [process.execPath, file, 'node'] },
      { command: [process.execPath, file, 'gnutls'] },
    ];
    const works = ["import 'tcpx'", '', 'import and createJob, node', 'import and createJob, native'];
    const samples = await alternateStarts(bench, contenders);
    return works.flatMap((work, index) => {
      if (index === 1) return [];
      const pair = [samples[index] ?? [], samples[1] ?? []];
      const unit = (ms: number) => `${ms.toFixed(1)} ms`;
      return [against(pair, 1, 'ms', unit, { work, cores: 'core 0', name: 'node -e 0', goal: null })];
    });
  },
};
