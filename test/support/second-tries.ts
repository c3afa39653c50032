/**
 * A reporter for CI, where a test that talks to other processes has a second try: whatever needed it is named at the end,
 * so that it is looked into before it fails for good.
 */
import type { Reporter, TestCase } from 'vitest/node';

export class SecondTries implements Reporter {
  readonly #names: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky) this.#names.push(`${test.module.relativeModuleId} > ${test.fullName}`);
  }

  onTestRunEnd(): void {
    for (const name of this.#names) console.log(`SECOND TRY: ${name}`);
  }
}
