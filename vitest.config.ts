import { defineConfig } from 'vitest/config';

const common = { pool: 'forks' as const, testTimeout: 30_000, hookTimeout: 60_000 };

/** These tests wait more than they compute: more of them than cores run at a time. */
const waiting = { ...common, maxWorkers: 5, sequence: { groupOrder: 0 } };

/** Real servers and tools share the cores with the tests that talk to them. */
const talking = { ...common, maxWorkers: 2, sequence: { groupOrder: 1 }, testTimeout: 120_000 };

/** Where a machine-readable report goes, for whoever wants to count. */
const report = process.env.VITEST_REPORT;

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      // Pure code: one file's modules serve the next as well, which halves the time.
      { test: { ...waiting, name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false } },
      { test: { ...waiting, name: 'loading', include: ['test/loading/**/*.test.ts'] } },
      { test: { ...waiting, name: 'conformance', include: ['test/conformance/**/*.test.ts'] } },
      { test: { ...waiting, name: 'command', include: ['test/command/**/*.test.ts'] } },
      { test: { ...waiting, name: 'fuzz', include: ['test/fuzz/**/*.test.ts'] } },
      { test: { ...waiting, name: 'regress', include: ['test/regress/**/*.test.ts'] } },
      { test: { ...talking, name: 'interop', include: ['test/interop/**/*.test.ts'] } },
    ],
  },
});
