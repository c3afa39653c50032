#!/usr/bin/env node
/**
 * The start of the command `tcpx`: runs one of the programs beside it that `npm run build` makes of `programs/`, as Node's
 * own loader would, but compiled as it was left by the run before.
 */
import { readFileSync } from 'node:fs';
import { Script } from 'node:vm';
import { cacheDirectory, cachedPart, readCodeCache } from './code-cache.ts';
import type * as CodeCacheWriter from './code-cache-writer.ts';
import { SUBCOMMANDS } from './subcommands.ts';

/** Names the content of the files beside this one; set by the build. */
declare const BUILD: string;

// The build makes this file CommonJS. What an ES module takes in their place would have to be loaded.
declare const require: (id: string) => unknown;
declare const __dirname: string;

interface Module {
  readonly exports: object;
  /** Fills `exports`, where a program has that done when another file asks for it: most runs need no other. */
  complete?(): void;
}

type Wrapper = (exports: object, require: (id: string) => unknown, module: Module, file: string) => void;

const [, , ...args] = process.argv;
const [first = '', topic = ''] = args;
const subcommand = first === 'help' ? topic : first;
const program = SUBCOMMANDS.has(subcommand) ? subcommand : 'help';

// The programs run different functions of the files that they share, so that each has a file of its own.
const directory = cacheDirectory(process.env);
const file = `${directory}/${program}-${process.version}-${process.platform}-${process.arch}.bin`;
const cache = directory === null ? null : readCodeCache(directory, file, BUILD);
/** What the arguments ask for, as far as one can tell, and never what they say: names of options, schemes of URLs. */
const asked =
  `\0${args.join('\0')}`.match(/(?<=\0)(?:--[a-z][a-z-]{0,30}|-[A-Za-z]|[a-z][a-z-]{0,30}:(?=\/\/))/g) ?? [];
const scripts = new Map<string, Script>();
/** What no run before was asked for may call functions that none has. */
let isComplete = asked.every((thing) => cache?.asked.includes(thing));
const modules = new Map<string, Module>();

function load(id: string): unknown {
  if (!id.startsWith('./')) return require(id);
  const known = modules.get(id);
  if (known !== undefined) {
    known.complete?.();
    return known.exports;
  }
  const module: Module = { exports: {} };
  modules.set(id, module);
  const path = `${__dirname}/${id.slice(2)}`;
  // The build writes ASCII, and the wrapper.
  const script = scriptOf(`tcpx/dist/bin/${id.slice(2)}`, path, readFileSync(path, 'latin1'));
  const run = script.runInThisContext() as Wrapper;
  run(module.exports, load, module, path);
  return module.exports;
}

/**
 * The script of a file, compiled or as it was kept. Not by its path: kept code shows the name that it was compiled by, and
 * every copy of the package takes the same.
 */
function scriptOf(name: string, path: string, source: string): Script {
  if (directory === null) return new Script(source, { filename: path });
  const cachedData = cache === null ? undefined : cachedPart(cache, name);
  const script = new Script(source, cachedData === undefined ? { filename: name } : { filename: name, cachedData });
  if (cachedData === undefined || script.cachedDataRejected) isComplete = false;
  scripts.set(name, script);
  return script;
}

// Only a run that went to its end has called the functions that the next one will.
process.on('exit', (code) => {
  if (code !== 0 || directory === null || isComplete) return;
  try {
    const { writeCodeCache } = require(`${__dirname}/code-cache-writer.cjs`) as typeof CodeCacheWriter;
    writeCodeCache(directory, file, { build: BUILD, asked, scripts }, cache);
  } catch {
    // Such as a home that cannot be written to: then nothing is kept.
  }
});
load(`./${program}.cjs`);
