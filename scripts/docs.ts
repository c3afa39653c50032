/**
 * Writes the tables of the README from the tables of the source: `npm run docs`. With `--check` it only tells whether
 * they are up to date, which a test asks.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { ASSUMPTIONS, OPCODES } from '../src/tcpx/index.ts';

/** Escapes what Markdown would read as the end of a cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function opcodeTable(): string {
  return table(
    ['opcode', 'symbol', 'what it does', 'sockport', 'buffer', 'flags', 'timer limits', 'STATUS on success'],
    OPCODES.map((row) => [
      String(row.code),
      `\`${row.symbol}\``,
      row.effect,
      row.sockport,
      row.buffer,
      row.flags,
      row.timer,
      row.status,
    ]),
  );
}

function assumptionTable(): string {
  return table(
    ['`assume.`', 'default', 'meaning', 'reference'],
    Object.entries(ASSUMPTIONS).map(([name, { value, meaning, source }]) => [
      `\`${name}\``,
      `\`${value}\``,
      meaning,
      source,
    ]),
  );
}

const SECTIONS: Readonly<Record<string, () => string>> = { opcodes: opcodeTable, assumptions: assumptionTable };

/** The text with every generated section replaced: `<!-- generated: NAME -->` to `<!-- end -->`. */
export function withTables(text: string): string {
  return text.replace(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_all, begin: string, name: string, end: string) => {
      const make = SECTIONS[name];
      if (make === undefined) throw new Error(`there is no generated section '${name}'`);
      return `${begin}\n${make()}\n\n${end}`;
    },
  );
}

if (process.argv[1]?.endsWith('docs.js')) {
  const text = readFileSync('README.md', 'utf8');
  const fresh = withTables(text);
  if (process.argv.includes('--check')) {
    if (fresh !== text) {
      console.error('README.md: the generated tables are out of date; run: npm run docs');
      process.exitCode = 1;
    }
  } else if (fresh !== text) writeFileSync('README.md', fresh);
}
