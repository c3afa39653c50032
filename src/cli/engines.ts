/** `tcpx engines`: what carries the opcodes here. */
import { parseArgs } from 'node:util';
import { UsageError } from '../core/errors.ts';
import '../tcpx/engine-native.ts';
import '../tcpx/engine-node.ts';
import { chooseEngine, engineReports } from '../tcpx/engines.ts';
import { EXIT, type Output } from './exit.ts';

export function help(): string {
  return `Usage: tcpx engines [--json]

Lists the engines, with the versions of their libraries or the reason why one is not available, and tells which one
'auto' takes.
`;
}

export async function run(args: readonly string[], output: Output): Promise<number> {
  const { json, wantsHelp } = options(args);
  if (wantsHelp) {
    output.out(help());
    return EXIT.ok;
  }
  const engines = engineReports();
  const { engine, reason } = chooseEngine('auto');
  const fixed = process.env.TCPX_ENGINE || null;
  if (json) {
    output.out(`${JSON.stringify({ engines, auto: { engine: engine.name, reason }, environment: fixed })}\n`);
    return EXIT.ok;
  }
  for (const { name, available, versions, reason } of engines) {
    output.out(`${name.padEnd(8)} ${available ? `available      ${versions}` : `not available  ${reason}`}\n`);
  }
  output.out(`auto takes ${engine.name}: ${reason}\n`);
  if (fixed !== null) output.out(`TCPX_ENGINE asks for ${fixed}\n`);
  return EXIT.ok;
}

function options(args: readonly string[]): { json: boolean; wantsHelp: boolean } {
  const rest = args.filter((argument) => !['--json', '--help', '-h'].includes(argument));
  const [first] = rest;
  if (first !== undefined) throw new UsageError(`unknown ${first.startsWith('-') ? 'option' : 'argument'} '${first}'`);
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  return { json: values.json === true, wantsHelp: values.help === true };
}
