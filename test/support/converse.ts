// An upgrade through the library `tcpx/starttls` in one column, and a talk inside TLS.
import { once } from 'node:events';
import { engineReports, F, X } from 'tcpx';
import { TCPOP_READ, TCPOP_WRITE, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { type HostOptions, type Negotiation, NegotiationError, starttls, type UrlOptions } from 'tcpx/starttls';
import { expect, it } from 'vitest';
import { COLUMNS, type Column } from './conformance.ts';

/** How long all of it may take, in ms. */
const LIMIT = 20_000;

/** What is said, Latin-1, and what the answer has to match before the next. */
export type Step = readonly [send: string, until: RegExp];

/** A whole URL, or protocol, host and port. */
export type Place = HostOptions | UrlOptions;

/** Upgrades, or begins with TLS, and talks. The steps may depend on what came of it. */
export async function converse(
  { engine, mode }: Column,
  place: Place,
  steps: readonly Step[] | ((result: Negotiation) => readonly Step[]) = [],
): Promise<Negotiation> {
  const options: Place = { ...place, engine, deadline: LIMIT };
  const talk = typeof steps === 'function' ? steps : () => steps;
  return mode === 'sync' ? converseSync(options, talk) : await converseAsync(options, talk);
}

type Talk = (result: Negotiation) => readonly Step[];

async function converseAsync(options: Place, talk: Talk): Promise<Negotiation> {
  const { stream, result } = await starttls(options);
  let heard = '';
  stream.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  for (const [send, until] of talk(result)) {
    heard = '';
    stream.write(send, 'latin1');
    while (!until.test(heard)) await once(stream, 'data', { signal: AbortSignal.timeout(LIMIT) });
  }
  stream.destroy();
  await once(stream, 'close');
  return result;
}

function converseSync(options: Place, talk: Talk): Negotiation {
  const { job, socket, result } = starttls.sync(options);
  const status = F();
  // Not a string: the answers of binary protocols hold NUL.
  const buffer = X(8192);
  const flags = result.tls === null ? 0 : TCPXFLG_TLS;
  try {
    for (const [send, until] of talk(result)) {
      job.xcall('TCPX', TCPOP_WRITE, status, send, socket, flags, LIMIT);
      expect(status.value).toBe(send.length);
      for (let heard = ''; !until.test(heard); ) {
        job.xcall('TCPX', TCPOP_READ, status, buffer, socket, flags, LIMIT);
        expect(status.value, `after ${JSON.stringify(heard)}`).toBeGreaterThan(0);
        heard += Buffer.from(buffer.value).toString('latin1', 0, status.value);
      }
    }
    return result;
  } finally {
    job.close();
  }
}

/** What comes of an upgrade that has to fail. */
export async function refusal(column: Column, place: Place): Promise<Negotiation> {
  const error = await converse(column, place).catch((error: unknown) => error);
  if (error instanceof NegotiationError) return error.result;
  throw error instanceof Error ? error : new Error('the upgrade succeeded, it should have failed');
}

const available = COLUMNS.filter(
  ({ engine }) => engineReports().find(({ name }) => name === engine)?.available === true,
);

/** Declares one test for each column that is available here. */
export function inEveryColumn(title: string, run: (column: Column) => Promise<void>): void {
  it.each(available.map((column) => [`${column.engine} ${column.mode}`, column] as const))(
    `${title}: %s`,
    (_, column) => run(column),
  );
}
