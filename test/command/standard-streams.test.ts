// Where the command writes: all of it, in order, whatever standard output is.
import { describe, expect, it } from 'vitest';
import { main } from '../support/command.ts';
import { cleanUpAfterAll, runProcess } from '../support/peer.ts';

cleanUpAfterAll();

/** Enough for a pipe to be full more than once. */
const CALLS = 3_000;

/** Runs it in a shell, as `tcpx`. */
function shell(script: string) {
  return runProcess({ command: 'bash', args: ['-c', `tcpx() { '${process.execPath}' '${main}' "$@"; }; ${script}`] });
}

const everyCall = (lines: readonly string[]) =>
  expect(lines.filter((line) => line.includes('ERRMSG'))).toHaveLength(CALLS);

describe.concurrent('standard output', () => {
  const calls = `seq ${CALLS} | sed 's/.*/ERRMSG -1/' | tcpx exec`;

  it('that is a pipe with a slow reader', async () => {
    const { code, stdout } = await shell(`set -o pipefail; ${calls} | (sleep 1; cat)`);
    expect(code).toBe(0);
    everyCall(stdout.split('\n'));
  });

  it('that another process has made non-blocking', async () => {
    const other = `'${process.execPath}' -e 'process.stdout.write("ready\\n"); setTimeout(() => {}, 3000)'`;
    const { code, stdout } = await shell(`set -o pipefail; { ${other} & sleep 0.5; ${calls}; } | (sleep 1; cat)`);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toContain('ready');
    everyCall(lines);
  });

  it('that takes nothing', async () => {
    const { code, stderr } = await shell('tcpx --version > /dev/full');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^tcpx: standard output: ENOSPC: /) });
  });
});

it('does without standard error', async () => {
  const { code, output } = await shell('tcpx frob 2> /dev/full');
  expect({ code, output }).toEqual({ code: 2, output: '' });
});
