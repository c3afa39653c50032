/** What is declared as a divergence is proven on the Node that runs here. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DIVERGENCES } from '../support/divergences.ts';
import { cleanUpAfterAll, runProcess } from '../support/peer.ts';

cleanUpAfterAll();

describe('a declared divergence is proven on bare Node', () => {
  it.each(Object.values(DIVERGENCES).map(({ what, proof }) => [proof, what]))('%s: %s', async (proof) => {
    const script = fileURLToPath(new URL(`proofs/${proof}`, import.meta.url));
    const exit = await runProcess({ command: process.execPath, args: [script] });
    expect(exit.code, exit.output).toBe(0);
  });
});
