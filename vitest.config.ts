import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SecondTries } from './test/support/second-tries.ts';

const common = {
  pool: 'forks' as const,
  // What the command keeps for its next start does not go to where its user's is.
  env: { XDG_CACHE_HOME: fileURLToPath(new URL('node_modules/.cache', import.meta.url)) },
  testTimeout: 30_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 10_000 } },
};

/**
 * In CI, for tests that talk to other processes: a loaded machine is no reason to refuse a change. A reporter names those
 * that needed it. Pure tests and fuzzing have none: what fails there once is an error.
 */
const secondTry = { retry: process.env.CI === undefined ? 0 : 1 };

/** These tests wait more than they compute: more of them than cores run at a time. */
const waiting = { ...common, maxWorkers: 7, sequence: { groupOrder: 0 } };

/** One file's modules serve the next as well, which takes a third of the time away: a file leaves nothing behind. */
const shared = { isolate: false };

/** Real servers and tools share the cores with the tests that talk to them. */
const talking = { ...common, maxWorkers: 2, sequence: { groupOrder: 1 }, testTimeout: 120_000 };

/** Where a machine-readable report goes, for whoever wants to count. */
const report = process.env.VITEST_REPORT;
const shown = ['default' as const, new SecondTries()];

export default defineConfig({
  test: {
    reporters: report === undefined ? shown : [...shown, ['json', { outputFile: report }]],
    projects: [
      { test: { ...waiting, ...shared, name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      { test: { ...waiting, name: 'loading', include: ['test/loading/**/*.test.ts'] } },
      {
        test: { ...waiting, ...shared, ...secondTry, name: 'conformance', include: ['test/conformance/**/*.test.ts'] },
      },
      { test: { ...waiting, ...secondTry, name: 'command', include: ['test/command/**/*.test.ts'] } },
      { test: { ...waiting, name: 'fuzz', include: ['test/fuzz/**/*.test.ts'] } },
      { test: { ...waiting, name: 'regress', include: ['test/regress/**/*.test.ts'] } },
      { test: { ...talking, ...secondTry, name: 'interop', include: ['test/interop/**/*.test.ts'] } },
    ],
  },
});
