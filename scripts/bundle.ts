/**
 * What the package runs from, made of the sources: a program that imports it would otherwise load 150 modules one by one,
 * which takes longer than all that it then does.
 *
 *   dist/lib    the library, ES modules: one file for each export of package.json, the worker, and what they share
 *   dist/bin    the command, CommonJS, which Node loads without waiting: one file for each subcommand, and what they share
 *
 * Nothing is renamed or left out, so that a stack trace can be read. Types come from tsc; packages stay outside.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type OutputOptions, rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * What chunks are made of where it matters: a program loads one engine, and all of it. Lowest layer first, as a group
 * takes with it what its files import.
 */
const GROUPS = [
  { name: 'core', test: /src\/core\// },
  { name: 'constants', test: /ashell\.def\.ts/ },
  {
    name: 'runtime',
    test: /src\/((basic|tls|net)\/(?!native|gnutls|node|priority)|sync\/(?!serve)|tcpx\/(?!(index|open-job|worker|engine-)))/,
  },
  { name: 'engine-gnutls', test: /src\/(native\/|net\/(native|gnutls)|tcpx\/engine-native)/ },
  { name: 'engine-node', test: /src\/(net\/node|tls\/priority|tcpx\/engine-node)/ },
];

async function bundle(input: Readonly<Record<string, string>>, output: OutputOptions & { dir: string }): Promise<void> {
  rmSync(output.dir, { recursive: true, force: true });
  const build = await rolldown({
    cwd: root,
    input: { ...input },
    platform: 'node',
    external: (id) => /^[^./]/.test(id),
    transform: { target: 'node20' },
    checks: { ineffectiveDynamicImport: false },
  });
  await build.write({
    ...output,
    codeSplitting: { groups: GROUPS },
    minify: false,
  });
  await build.close();
}

await bundle(
  {
    index: 'src/index.ts',
    'ashell.def': 'ashell.def.ts',
    emailx: 'src/emailx/index.ts',
    starttls: 'src/starttls/index.ts',
    worker: 'src/tcpx/worker.ts',
  },
  { dir: `${root}dist/lib`, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name].shared.js' },
);
await bundle(
  { tcpx: 'src/cli/main.ts' },
  { dir: `${root}dist/bin`, format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].shared.cjs' },
);
// A thread is started from a file beside the code that starts it.
writeFileSync(`${root}dist/bin/worker.js`, "import '../lib/worker.js';\n");
