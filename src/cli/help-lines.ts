/** What can be typed, as HELP and `tcpx help exec` show it; derived from the tables. */
import type { SymbolSet } from '../basic/index.ts';
import { COMMANDS, commandNamed } from './commands.ts';
import { FORMS, formNamed, usageOf } from './forms.ts';
import { flagNames } from './operand.ts';
import { hint } from './suggest.ts';

/** Help on an opcode or command; on all of them for an empty topic. */
export function helpLines(topic: string, symbols: SymbolSet): string {
  if (topic === '') return `${allLines()}\nFlags: ${flagNames(symbols).join(', ')}, joined by +\n`;
  const form = formNamed(topic);
  if (form !== undefined) {
    const { opcode } = form;
    return [
      `${usageOf(form)}`,
      `  ${opcode.symbol} (${opcode.code}): ${opcode.effect}`,
      `  STATUS  ${opcode.status}`,
      `  timer   ${opcode.timer}`,
      ...(form.positions.some(({ position }) => position === 'flags')
        ? [`  flags   ${flagNames(symbols).join(', ')}, joined by +${opcode.opens ? '; BLOCK if none are given' : ''}`]
        : []),
      '',
    ].join('\n');
  }
  const row = commandNamed(topic);
  if (row !== undefined) return `${row.usage}\n  ${row.effect}\n`;
  const known = [...FORMS.map(({ opcode }) => opcode.name), ...COMMANDS.map(({ name }) => name)];
  return `There is no help on '${topic.slice(0, 40)}'${hint(topic, known)}.\n`;
}

export function allLines(): string {
  const opcodes = FORMS.map((form) => `  ${usageOf(form)}\n`);
  const commands = COMMANDS.map(({ usage, effect }) => `  ${usage}\n      ${effect}\n`);
  return `Opcodes, in any case, with or without TCPOP_ in front:\n${opcodes.join('')}Commands:\n${commands.join('')}`;
}
