// Random mail through XCALL EMAILX and sendMail, in every column, to a server and a parser that are not ours: what
// arrives is what was sent.
import fc from 'fast-check';
import { type ParsedMail, simpleParser } from 'mailparser';
import { createJob, engineReports, F, type Job, S } from 'tcpx';
import { EMF_ALREADYOPEN, EMF_HTMLBODY, EMF_LEAVEOPEN, EMF_OPENONLY, EMF_STARTTLS } from 'tcpx/ashell.def';
import { sendMail, sendMailSync } from 'tcpx/emailx';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AnyAttachment,
  anyText,
  arriving,
  attachment,
  fileName,
  normalised,
  someOctets,
} from '../support/any-mail.ts';
import { COLUMNS } from '../support/conformance.ts';
import { type MailStore, type StoredMail, startMailStore, withCertificate } from '../support/mail-store.ts';
import { makePki } from '../support/pki.ts';
import { withinTime } from '../support/time-box.ts';

const TIME = 3_000;
const pki = await makePki();
const ACCOUNT = { username: 'ann', password: 'secret' };
/** A server that takes everything, and one whose messages have to be ASCII. */
let stores: readonly MailStore[];

beforeAll(async () => {
  const common = { ...withCertificate(pki.good), account: ACCOUNT };
  stores = await Promise.all([startMailStore(common), startMailStore({ ...common, hide: ['8BITMIME', 'PIPELINING'] })]);
});

const available = new Set(engineReports().flatMap((report) => (report.available ? [report.name] : [])));
const columns = COLUMNS.filter(({ engine }) => available.has(engine));

const PARSING = { skipTextToHtml: true, skipHtmlToText: true, skipImageLinks: true };

/** The one message that has come, as the parser reads it. */
async function arrived(store: MailStore): Promise<ParsedMail & { stored: StoredMail }> {
  const [stored, ...more] = await store.taken();
  if (stored === undefined || more.length > 0) throw new Error(`${more.length} messages too many, or none`);
  const lines = stored.octets.split('\r\n');
  expect(stored.octets).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n/);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(998);
  const parsed = await simpleParser(Buffer.from(stored.octets, 'latin1'), PARSING);
  return { ...parsed, stored };
}

function expectAttachments(parsed: ParsedMail, sent: readonly AnyAttachment[]): void {
  expect(parsed.attachments.map(({ filename }) => filename)).toEqual(sent.map(({ name }) => name));
  expect(parsed.attachments.map(({ content }) => content.toString('latin1'))).toEqual(
    sent.map((each) => arriving(each).toString('latin1')),
  );
}

const attachments = fc.array(attachment, { maxLength: 10 });

describe.each(columns)('XCALL EMAILX on $engine, $mode', ({ engine, mode }) => {
  const call = async (job: Job, ...args: Parameters<Job['xcall']>) =>
    mode === 'sync' ? job.xcall(...args) : await job.xcall.async(...args);

  it('delivers any octets', async () => {
    const job = createJob({ engine, tls: { ca: pki.ca }, emailx: { assume: { charset: 'iso-8859-1' } } });
    const [status, errmsg] = [F(), S(400)];
    const sockets = stores.map(() => F());
    for (const [index, { port }] of stores.entries()) {
      const args = [
        status,
        'me@example.com',
        '',
        '',
        errmsg,
        sockets[index] ?? F(),
        `localhost:${port}`,
        'client.example',
      ];
      await call(job, 'EMAILX', EMF_OPENONLY + EMF_STARTTLS, '', '', '', '', ...args, 'ann', 'secret');
      expect([status.value, errmsg.value]).toEqual([0, '']);
    }
    const mail = fc.record({
      store: fc.constantFrom(0, 1),
      body: someOctets.map((octets) => Buffer.concat([octets, Buffer.from('\r\n')])),
      html: fc.boolean(),
      attachments,
    });
    await withinTime(
      TIME,
      fc.asyncProperty(mail, async ({ store: index, body, html, attachments: sent }) => {
        const opflags = EMF_ALREADYOPEN + EMF_LEAVEOPEN + EMF_STARTTLS + (html ? EMF_HTMLBODY : 0);
        const header = `Subject: s${html ? '' : '\r\nContent-Type: text/plain; charset=iso-8859-1'}`;
        const text = body.toString('latin1');
        const rest = [status, 'me@example.com', sent, '', errmsg, sockets[index] ?? F()];
        await call(job, 'EMAILX', opflags, '', 'ann@example.com', header, text, ...rest);
        expect([status.value, errmsg.value]).toEqual([0, '']);
        const parsed = await arrived(stores[index] ?? expect.fail('no such store'));
        expect(parsed.stored).toMatchObject({
          from: 'me@example.com',
          to: ['ann@example.com'],
          user: 'ann',
          secure: true,
        });
        expect(html ? parsed.html : parsed.text).toBe(normalised(body).toString('latin1').replaceAll('\r\n', '\n'));
        expectAttachments(parsed, sent);
      }),
    );
    job.close();
  });
});

/** What readers make of blanks in a header line: one each, and none at the ends. */
const folded = (text: string) => text.replace(/\s+/g, ' ').trim();
const lines = (text: string) => text.replace(/\r\n|\r|\n/g, '\n');
const complete = (text: string) => (/[\r\n]$/.test(text) ? text : `${text}\n`);

describe.each(columns)('sendMail on $engine, $mode', ({ engine, mode }) => {
  it('delivers any text', async () => {
    const job = createJob({ engine, tls: { ca: pki.ca } });
    const letter = fc.record({
      store: fc.constantFrom(0, 1),
      name: fileName,
      subject: fc.string({ unit: 'grapheme-composite', maxLength: 200 }).map((text) => text.replace(/\p{C}/gu, '')),
      // The parser makes a line of an empty part, and nothing of HTML that is blank.
      text: anyText.filter((text) => text !== ''),
      html: fc.option(anyText.filter((html) => /\S/.test(html))),
      attachments,
    });
    await withinTime(
      TIME,
      fc.asyncProperty(letter, async ({ store: index, name, subject, text, html, attachments: sent }) => {
        const store = stores[index] ?? expect.fail('no such store');
        const options = {
          job,
          server: `localhost:${store.port}`,
          auth: ACCOUNT,
          from: `"${name.replace(/["\\]/g, '\\$&').replace(/\p{C}/gu, '')}x" <me@example.com>`,
          to: 'ann@example.com',
          subject,
          text,
          attachments: sent,
          ...(html === null ? {} : { html }),
        };
        const result = mode === 'sync' ? sendMailSync(options) : await sendMail(options);
        expect(result).toMatchObject({ accepted: ['ann@example.com'], authenticated: 'LOGIN' });
        const parsed = await arrived(store);
        expect(parsed.stored.octets.length).toBe(result.size);
        expect(parsed.messageId).toBe(result.messageId);
        expect(folded(parsed.subject ?? '')).toBe(folded(subject));
        expect(parsed.from?.value[0]?.address).toBe('me@example.com');
        expect(folded(parsed.from?.value[0]?.name ?? '')).toBe(folded(`${name.replace(/\p{C}/gu, '')}x`));
        // A part of several keeps its last line as it is.
        expect(parsed.text ?? '').toBe(html === null ? complete(lines(text)) : lines(text));
        if (html !== null) expect(parsed.html).toBe(lines(html));
        expectAttachments(parsed, sent);
      }),
    );
    job.close();
  });
});
