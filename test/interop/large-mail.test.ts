// A large attachment adds little memory and leaves the event loop its turns, on each engine and in each mode. The soak does
// the same with a GiB: node dist/test/soak/large-mail.js

import { engineReports } from 'tcpx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COLUMNS } from '../support/conformance.ts';
import { type Drain, MOST_ADDED, sendLarge, sparseFile, startDrain } from '../support/large-mail.ts';
import { makePki } from '../support/pki.ts';

const MEBIBYTES = 128;
const file = sparseFile(MEBIBYTES);
const pki = await makePki();
let clear: Drain;
let secure: Drain;

beforeAll(async () => {
  clear = await startDrain({ chunking: false });
  secure = await startDrain({ chunking: true, identity: pki.good });
});
afterAll(() => {
  file.remove();
  clear.stop();
  secure.stop();
});

const available = new Set(engineReports().flatMap((report) => (report.available ? [report.name] : [])));
const columns = COLUMNS.filter(({ engine }) => available.has(engine));

describe.each(columns)('128 MiB on $engine, $mode', ({ engine, mode }) => {
  it('by XCALL EMAILX, over STARTTLS and BDAT', async () => {
    const sent = await sendLarge({ how: 'emailx', mode, engine, port: secure.port, file: file.path, ca: pki.ca });
    expect(sent.added).toBeLessThanOrEqual(MOST_ADDED);
    if (mode === 'async') expect(sent.blocked).toBeLessThan(MOST_BLOCKED);
  });

  it('by sendMail, in clear and DATA', async () => {
    const sent = await sendLarge({ how: 'sendMail', mode, engine, port: clear.port, file: file.path, ca: null });
    expect(sent.added).toBeLessThanOrEqual(MOST_ADDED);
    if (mode === 'async') expect(sent.blocked).toBeLessThan(MOST_BLOCKED);
  });
});

/** Other processes may keep this one from running for a while, in ms. */
const MOST_BLOCKED = 1_000;
