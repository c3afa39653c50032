// Who may import whom: the folders of src form layers, and only lower ones are imported. Type imports count as well.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Folder to the folders that it may import, besides itself. `sync` stands beside `basic`: threads and messages only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'ashell.def.ts': [],
  core: ['ashell.def.ts'],
  sync: ['core'],
  basic: ['ashell.def.ts', 'core'],
  native: ['core'],
  tls: ['core'],
  net: ['core', 'native', 'tls'],
  tcpx: ['ashell.def.ts', 'core', 'basic', 'sync', 'native', 'net', 'tls'],
  starttls: ['ashell.def.ts', 'core', 'basic', 'net', 'tls', 'tcpx'],
  emailx: ['ashell.def.ts', 'core', 'basic', 'starttls', 'tls', 'tcpx'],
  cli: ['ashell.def.ts', 'core', 'basic', 'starttls', 'tls', 'tcpx', 'emailx'],
  'index.ts': ['tcpx', 'starttls', 'emailx'],
};

const files = [
  'ashell.def.ts',
  ...readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `src/${path}`),
];

/** What a file imports: relative ones as paths from the root. Dynamic imports and workers by URL included. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  const found = [
    ...text.matchAll(/^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm),
    ...text.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm),
    ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g),
    ...text.matchAll(/\brequire\(\s*['"]([^'"]+)['"]/g),
  ].map(([, name = '']) => name);
  return found.map((name) => (name.startsWith('.') ? relative(root, join(root, dirname(file), name)) : name));
}

const graph = new Map(files.map((file) => [file, importsOf(file)]));
const layerOf = (file: string) => (file.startsWith('src/') ? (file.split('/')[1] ?? '') : file);

describe('dependencies', () => {
  it('are found at all', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(graph.get('src/tcpx/job.ts')).toContain('src/core/trace.ts');
    expect(graph.get('src/net/node.ts')).toContain('node:net');
  });

  it('go down the layers', () => {
    const wrong: string[] = [];
    for (const [file, imports] of graph) {
      const layer = layerOf(file);
      for (const imported of imports) {
        if (!imported.startsWith('src/') && imported !== 'ashell.def.ts') continue;
        const target = layerOf(imported);
        if (target !== layer && MAY_IMPORT[layer]?.includes(target) !== true) wrong.push(`${file} imports ${imported}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('have no cycles', () => {
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]) => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const imported of graph.get(file) ?? []) visit(imported, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('on koffi are for src/native alone, and go through one file', () => {
    const users = [...graph].filter(([, imports]) => imports.includes('koffi')).map(([file]) => file);
    expect(users.filter((file) => !file.startsWith('src/native/'))).toEqual([]);
    // A value import anywhere would make the optional package necessary.
    for (const file of users) {
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(/^import (?!type)[^;]*from 'koffi'/m);
    }
  });

  it('on sockets of Node are for the Node engine alone', () => {
    const engine = /^src\/net\/node[^/]*\.ts$/;
    const wrong: string[] = [];
    for (const [file] of graph) {
      if (engine.test(file)) continue;
      const text = readFileSync(join(root, file), 'utf8');
      for (const [, found] of text.matchAll(/^import (?!type )[^;]*from '(node:(?:net|tls))'/gm)) {
        wrong.push(`${file} imports ${found}`);
      }
      // core gives the one function of node:net that the others need.
      if (file !== 'src/core/on-demand.ts' && /\bnodeTls\(/.test(text)) wrong.push(`${file} loads node:tls`);
    }
    expect(wrong).toEqual([]);
  });

  it('on other packages are the declared ones', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, object | undefined>;
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    const wrong: string[] = [];
    for (const [file, imports] of graph) {
      for (const name of imports) {
        if (name.startsWith('node:') || name.startsWith('src/') || name === 'ashell.def.ts') continue;
        if (!declared.some((known) => name === known || name.startsWith(`${known}/`)))
          wrong.push(`${file} imports ${name}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
