#!/usr/bin/env node
/**
 * The start of the command `tcpx`: runs the files beside it that `npm run build` makes of `main.ts`, as Node's own loader
 * would, but compiled as they were left by the run before.
 */
import { readFileSync } from 'node:fs';
import { Script } from 'node:vm';
import { CodeCache, cacheDirectory } from './code-cache.ts';

/** Names the content of the files beside this one; set by the build. */
declare const BUILD: string;

// The build makes this file CommonJS. What an ES module takes in their place would have to be loaded.
declare const require: (id: string) => unknown;
declare const __dirname: string;

type Wrapper = (exports: object, require: (id: string) => unknown, module: { exports: object }, file: string) => void;

// The subcommands run different functions, so that each has a cache of its own.
const [, , subcommand = ''] = process.argv;
const kind = /^[a-z]{1,16}$/.test(subcommand) ? subcommand : 'tcpx';
const caches = cacheDirectory(process.env);
const name = `${kind}-${process.version}-${process.platform}-${process.arch}.bin`;
const cache = caches === null ? null : new CodeCache(caches, name, BUILD);
const modules = new Map<string, { exports: object }>();

function load(id: string): unknown {
  if (!id.startsWith('./')) return require(id);
  const known = modules.get(id);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  modules.set(id, module);
  const file = `${__dirname}/${id.slice(2)}`;
  // The build writes ASCII.
  const source = `(function (exports, require, module, __filename) {${readFileSync(file, 'latin1')}\n})`;
  const script = cache?.script(file, source) ?? new Script(source, { filename: file });
  const run = script.runInThisContext() as Wrapper;
  run(module.exports, load, module, file);
  return module.exports;
}

// Only a run that went to its end has called the functions that the next one will.
process.on('exit', (code) => {
  if (code === 0) cache?.keep();
});
load('./command.cjs');
