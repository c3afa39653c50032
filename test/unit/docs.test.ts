import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import * as ashellDef from '../../ashell.def.ts';
import { parityPage, withTables } from '../../scripts/docs.ts';
import { OPCODES, opcodeNamed, opcodeOf } from '../../src/tcpx/opcodes.ts';
import { DIVERGENCES } from '../support/divergences.ts';

it('has the tables of the source in the README (npm run docs)', () => {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(text).toContain('<!-- generated: opcodes -->');
  expect(text).toContain('<!-- generated: assumptions -->');
  expect(text).toContain('<!-- generated: dialects -->');
  expect(text).toContain('<!-- generated: verdicts -->');
  expect(text).toContain('<!-- generated: attacks -->');
  expect(text).toContain('<!-- generated: emailxStatuses -->');
  expect(text).toContain('<!-- generated: emailxAssumptions -->');
  expect(withTables(text)).toBe(text);
});

it('has the declared divergences in docs/parity.md, each with its proof', () => {
  expect(readFileSync(new URL('../../docs/parity.md', import.meta.url), 'utf8')).toBe(parityPage());
  for (const { proof } of Object.values(DIVERGENCES)) {
    expect(existsSync(new URL(`../conformance/proofs/${proof}`, import.meta.url)), proof).toBe(true);
  }
});

it.each(['README.md', 'docs/parity.md', 'CONTRIBUTING.md'])('ships what %s sends its readers to', (page) => {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  const { files } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    files: string[];
  };
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, link = '']) => join(dirname(page), link));
  const named = [...text.matchAll(/`((?:docs|examples)\/[^`]+\.\w+)`/g)].map(([, path = '']) => path);
  if (page === 'README.md') expect(links).toContain('examples/smtp-starttls.tcpx');
  for (const path of [...links, ...named]) {
    expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).toBe(true);
    expect(
      files.some((file) => path === file || path.startsWith(`${file}/`)),
      `${path} in the package`,
    ).toBe(true);
  }
});

it('has a row with a handler for every opcode of ashell.def', () => {
  const symbols = Object.entries(ashellDef).filter(([name]) => name.startsWith('TCPOP_'));
  expect(symbols.length).toBe(OPCODES.length);
  for (const [symbol, code] of symbols) {
    const row = opcodeOf(Number(code));
    expect(row?.symbol).toBe(symbol);
    expect(opcodeNamed(symbol)).toBe(row);
    expect(row?.handler === null).toBe(symbol === 'TCPOP_ERRMSG');
  }
});
