// Every row of the reference has a case, and every case names rows that exist.
//
// A conformance behaviour names them in its declaration, `behaviour({ ids: ['READ-EOF', …], … })`; any other test in a
// comment or a call, `covers('READ-EOF')`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REQUIREMENTS } from '../support/requirements.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function cited(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.test.ts') || path.endsWith('requirements.test.ts')) continue;
    const text = readFileSync(join(root, path), 'utf8');
    const ids = [
      ...[...text.matchAll(/\bids:\s*\[([^\]]*)\]/g)].flatMap(([, list = '']) => [...list.matchAll(/'([^']*)'/g)]),
      ...text.matchAll(/\bcovers\('([^']*)'\)/g),
    ].map(([, id = '']) => id);
    for (const id of ids) found.set(id, [...(found.get(id) ?? []), path]);
  }
  return found;
}

describe('requirements', () => {
  const cases = cited();

  it('all have a case', () => {
    const without = Object.keys(REQUIREMENTS).filter((id) => !cases.has(id));
    expect(without).toEqual([]);
  });

  it('are the only ones that cases name', () => {
    const unknown = [...cases]
      .filter(([id]) => !Object.hasOwn(REQUIREMENTS, id))
      .map(([id, [path]]) => `${id} (${path})`);
    expect(unknown).toEqual([]);
  });

  it('say where they come from', () => {
    for (const [id, text] of Object.entries(REQUIREMENTS)) {
      expect(id).toMatch(/^[A-Z0-9]+(-[A-Z0-9]+)*$/);
      expect(text, id).toMatch(/^((?:tcpx|emailx) (§\d+(\.\d+)?(, §\d+(\.\d+)?)*|appendix)|design §\d|style §\d)/);
    }
  });
});
