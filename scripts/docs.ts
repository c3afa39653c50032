/** Writes the tables of the README and docs/parity.md from the tables of the source: `npm run docs`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { OUTCOMES } from '../src/cli/mail-outcome.ts';
import { type Description, type DescriptionTable, defaultsOf } from '../src/core/assumption.ts';
import { describeEmailxAssumptions, EMAILX_DEFAULTS } from '../src/emailx/assumptions.ts';
import { DIRECTIVES } from '../src/emailx/config-file.ts';
import { LOG_LEVELS } from '../src/emailx/log.ts';
import { REFUSALS, STATUSES } from '../src/emailx/statuses.ts';
import { ATTACK_NAMES, ATTACKS, attacksOf } from '../src/starttls/attacks.ts';
import type { Attack } from '../src/starttls/dialect.ts';
import { DIALECTS } from '../src/starttls/dialects.ts';
import { SCHEMES, type Scheme } from '../src/starttls/target.ts';
import { VERDICTS } from '../src/starttls/verdict.ts';
import { ASSUMPTIONS, OPCODES } from '../src/tcpx/index.ts';
import { DIVERGENCES, type Divergence, REMARKS } from '../test/support/divergences.ts';
import { COVERAGE, type Proof } from '../test/support/starttls-coverage.ts';

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

function assumptionTable<T extends object>(prefix: string, values: T, descriptions: DescriptionTable<T>): string {
  return table(
    [`\`${prefix}\``, 'default', 'meaning', 'reference'],
    Object.entries<Description>(descriptions).map(([name, { meaning, source }]) => {
      const value = String(values[name as keyof T]);
      return [`\`${name}\``, value === '' ? 'blank' : `\`${value}\``, meaning, source];
    }),
  );
}

/** A row for each status, with all the reasons that give it. */
function emailxStatusTable(): string {
  return table(
    ['STATUS', 'symbol', 'meaning', 'when'],
    Object.entries(STATUSES).map(([status, { symbol, meaning }]) => {
      const reasons = Object.values(REFUSALS).filter((refusal) => refusal.status === Number(status));
      return [status, `\`${symbol}\``, meaning, reasons.map(({ when }) => when).join('; ')];
    }),
  );
}

function directiveTable(): string {
  return table(
    ['item', 'value', 'effect'],
    Object.values(DIRECTIVES).map(({ item, values, effect }) => [`\`${item}\``, values, effect]),
  );
}

function logLevelTable(): string {
  return table(
    ['`LOGLVL`', 'adds'],
    LOG_LEVELS.map((adds, level) => [String(level), adds]),
  );
}

/** A row for each dialect, with the programs of others that it is tested against. */
function dialectTable(): string {
  const port = (number: number | null) => (number === null ? '' : ` ${number}`);
  const programs = (proofs: readonly Proof[] | undefined) => proofs?.map(({ program }) => program).join(', ') || '-';
  return table(
    ['protocol', 'in clear first', 'TLS at once', 'ALPN', 'client, tested against', 'server, tested against', 'after'],
    DIALECTS.map(({ name, title, scheme, directScheme, port: clear, directPort, alpn, spec }) => [
      title,
      scheme === null ? '-' : `\`${scheme}\`${port(clear)}`,
      directScheme === null ? port(directPort).trim() || '-' : `\`${directScheme}\`${port(directPort)}`,
      alpn === null ? '-' : `\`${alpn}\``,
      programs(COVERAGE[name]?.client),
      programs(COVERAGE[name]?.server),
      spec,
    ]),
  );
}

function verdictTable(): string {
  return table(
    ['exit status', 'verdict', 'meaning'],
    Object.entries(VERDICTS).map(([verdict, { exit, meaning }]) => [String(exit), `\`${verdict}\``, meaning]),
  );
}

function outcomeTable(): string {
  return table(
    ['exit status', 'outcome', 'meaning'],
    Object.entries(OUTCOMES)
      .sort(([, a], [, b]) => a.exit - b.exit)
      .map(([outcome, { exit, meaning }]) => [String(exit), `\`${outcome}\``, meaning]),
  );
}

/** A row for each deception of `tcpx starttls --serve`. */
function attackTable(): string {
  return table(
    ['`--attack`', 'the server', 'a client that sees through it', 'protocols'],
    ATTACK_NAMES.map((name) => {
      const { server, client } = ATTACKS[name];
      return [`\`${name}\``, server, client, attackedProtocols(name)];
    }),
  );
}

/** Those that an attack can be played in; those that it cannot be played in, where these are fewer. */
function attackedProtocols(attack: Attack): string {
  const upgrades = SCHEMES.filter(({ mode }) => mode === 'upgrade');
  const played = ({ dialect, mode }: Scheme) => attacksOf(dialect, mode).includes(attack);
  const names = (schemes: readonly Scheme[]) => schemes.map(({ scheme }) => `\`${scheme}\``).join(', ');
  const others = upgrades.filter((scheme) => !played(scheme));
  if (others.length === upgrades.length) return 'TLS from the first byte';
  if (SCHEMES.every(played)) return 'all';
  if (others.length === 0) return 'all with an upgrade';
  return others.length < upgrades.length / 2
    ? `all with an upgrade but ${names(others)}`
    : names(upgrades.filter(played));
}

const SECTIONS: Readonly<Record<string, () => string>> = {
  opcodes: opcodeTable,
  dialects: dialectTable,
  verdicts: verdictTable,
  attacks: attackTable,
  mailOutcomes: outcomeTable,
  assumptions: () => assumptionTable('assume.', defaultsOf(ASSUMPTIONS), ASSUMPTIONS),
  emailxDirectives: directiveTable,
  emailxStatuses: emailxStatusTable,
  emailxLogLevels: logLevelTable,
  emailxAssumptions: () => assumptionTable('emailx.assume.', EMAILX_DEFAULTS, describeEmailxAssumptions()),
};

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

/** docs/parity.md. */
export function parityPage(): string {
  const rows = Object.values(DIVERGENCES).map((divergence: Divergence) => [
    `${divergence.engine}${divergence.mode === undefined ? '' : ` ${divergence.mode}`}`,
    divergence.what,
    divergence.reason,
    `[${divergence.proof}](../test/conformance/proofs/${divergence.proof})`,
  ]);
  return [
    '# Parity',
    '',
    'Every behaviour in `test/conformance` runs on both engines, synchronously and asynchronously. Where an engine cannot behave',
    'like the other it is declared here, with a script on bare Node that proves it.',
    '',
    '<!-- generated from test/support/divergences.ts by npm run docs -->',
    '',
    table(['where', 'what differs', 'why', 'proof'], rows),
    '',
    'Beyond what can be proven by a script:',
    '',
    ...REMARKS.map((remark) => `- ${remark}`),
    '',
  ].join('\n');
}

if (process.argv[1]?.endsWith('docs.js')) {
  writeFileSync('README.md', withTables(readFileSync('README.md', 'utf8')));
  writeFileSync('docs/parity.md', parityPage());
}
