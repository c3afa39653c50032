import { defineConfig } from 'vitest/config';

// Tests wait more than they compute: more of them than cores run at a time.
const common = { pool: 'forks' as const, maxWorkers: 5, testTimeout: 30_000, hookTimeout: 60_000 };

/** Where a machine-readable report goes, for whoever wants to count. */
const report = process.env.VITEST_REPORT;

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      { test: { ...common, name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      { test: { ...common, name: 'conformance', include: ['test/conformance/**/*.test.ts'] } },
      { test: { ...common, name: 'fuzz', include: ['test/fuzz/**/*.test.ts'] } },
      { test: { ...common, name: 'regress', include: ['test/regress/**/*.test.ts'] } },
      { test: { ...common, name: 'interop', include: ['test/interop/**/*.test.ts'], testTimeout: 120_000 } },
    ],
  },
});
