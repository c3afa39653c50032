// The README says which programs a dialect is tested against: the tests that it means have to be there.
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DIALECTS } from '../../src/starttls/dialects.ts';
import { COVERAGE, type Proof } from '../support/starttls-coverage.ts';

const fileOf = ({ file }: Proof) => new URL(`../interop/${file}.test.ts`, import.meta.url);

it('every dialect has a row, and every row is of a dialect', () => {
  expect(Object.keys(COVERAGE)).toEqual(DIALECTS.map(({ name }) => name));
});

const proofs = DIALECTS.flatMap((dialect) => {
  const { client = [], server = [] } = COVERAGE[dialect.name] ?? {};
  return [...client, ...server].map((proof) => [dialect.name, proof.program, dialect, proof] as const);
});

it.each(proofs)('%s and %s', (_name, _program, { name, scheme, directScheme }, proof) => {
  expect(existsSync(fileOf(proof)), `test/interop/${proof.file}.test.ts`).toBe(true);
  const text = readFileSync(fileOf(proof), 'utf8');
  const suites = [...text.matchAll(/\binterop\(\s*'([^']+)'|^ {4}name: '([^']+)',$/gm)];
  expect(suites.map(([, title, row]) => title ?? row)).toContain(proof.suite);
  const words = [name, scheme, directScheme].filter((word) => word !== null);
  expect(
    words.some((word) => text.includes(`'${word}'`) || text.includes(`${word}://`)),
    `${proof.file} speaks of ${name}`,
  ).toBe(true);
});
