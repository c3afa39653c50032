/**
 * What the package runs from, made of the sources: a program that imports it would otherwise load 150 modules one by one,
 * which takes longer than all that it then does.
 *
 *   dist/lib    the library, ES modules: one file for each export of package.json, the worker, and what they share
 *   dist/bin    the command, CommonJS, which loads without waiting: one program for each subcommand, in one file with all that
 *               it always loads, beside NAME.*.cjs, which it loads when it has to; tcpx.cjs, which starts them, and
 *               code-cache-writer.cjs, which keeps what was compiled of them
 *
 * Nothing is renamed, so that a stack trace can be read; the command is without its comments. Types come from tsc; packages
 * stay outside.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type OutputOptions, type Plugin, rolldown } from 'rolldown';
import { SUBCOMMANDS } from '../src/cli/subcommands.ts';

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
  { name: 'engine-node', test: /src\/(net\/node(?!-tls|-secure|-seam)|tcpx\/engine-node)/ },
];

/** The engine that every program can fall back on, which is small, and what the other one takes with it. */
const ENGINES = /src\/(core\/byte-queue|net\/(limits|lookup|node(?!-tls|-secure|-seam)[^/]*)|tcpx\/engine-node)\.ts$/;

/** A CommonJS file has what an ES module must make first, for which Node would have to load more. */
const OWN_REQUIRE: Plugin = {
  name: 'own-require',
  transform: (code) => code.replaceAll('createRequire(import.meta.url)', 'require'),
};

/** Lets start.ts fill the exports of a program, of which there are many, when another file asks for them. */
const EXPORTS_ON_DEMAND: Plugin = {
  name: 'exports-on-demand',
  renderChunk: (code, { isEntry }) =>
    isEntry ? code.replace(/^(?:exports\.[\w$]+ = [\w$]+;\n?)+/m, 'module.complete = () => {\n$&};\n') : null,
};

interface Bundle {
  readonly input: Readonly<Record<string, string>>;
  readonly output: OutputOptions;
  /** Values of names that the sources leave open. */
  readonly define?: Readonly<Record<string, string>>;
  readonly plugins?: Plugin[];
}

async function bundle({ input, output, define = {}, plugins = [] }: Bundle): Promise<void> {
  const build = await rolldown({
    cwd: root,
    input: { ...input },
    platform: 'node',
    plugins,
    external: (id) => /^[^./]/.test(id),
    transform: { target: 'node20', define: { ...define } },
    checks: { ineffectiveDynamicImport: false },
  });
  await build.write({ minify: false, ...output });
  await build.close();
}

/** A name for the content of a directory. */
function fingerprint(directory: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(directory).sort())
    hash.update(`${name}\n`).update(readFileSync(`${directory}/${name}`));
  return hash.digest('hex');
}

const lib = `${root}dist/lib`;
rmSync(lib, { recursive: true, force: true });
await bundle({
  input: {
    index: 'src/index.ts',
    'ashell.def': 'ashell.def.ts',
    emailx: 'src/emailx/index.ts',
    starttls: 'src/starttls/index.ts',
    worker: 'src/tcpx/worker.ts',
  },
  output: {
    dir: lib,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].shared.js',
    codeSplitting: { groups: GROUPS },
  },
});

const bin = `${root}dist/bin`;
rmSync(bin, { recursive: true, force: true });
for (const program of ['help', ...SUBCOMMANDS.keys()]) {
  const entry = `src/cli/programs/${program}.ts`;
  await bundle({
    input: { [program]: entry },
    output: {
      dir: bin,
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: `${program}.[name].cjs`,
      // With all that it loads at once, and the engines as far as most runs need them.
      codeSplitting: { groups: [{ name: program, test: (id: string) => id.endsWith(entry) || ENGINES.test(id) }] },
      // For start.ts, which reads bytes as characters, runs each file as a function and has no import().
      charset: 'ascii',
      banner: '(function (exports, require, module, __filename) {',
      footer: '})',
      dynamicImportInCjs: false,
      comments: false,
    },
    plugins: [OWN_REQUIRE, EXPORTS_ON_DEMAND],
  });
}
const built = fingerprint(bin);
await bundle({
  input: { tcpx: 'src/cli/start.ts' },
  output: { dir: bin, format: 'cjs', entryFileNames: '[name].cjs', comments: false },
  define: { BUILD: JSON.stringify(built) },
});
await bundle({
  input: { 'code-cache-writer': 'src/cli/code-cache-writer.ts' },
  output: { dir: bin, format: 'cjs', entryFileNames: '[name].cjs', comments: false },
});
// A thread is started from a file beside the code that starts it.
writeFileSync(`${bin}/worker.js`, "import '../lib/worker.js';\n");
