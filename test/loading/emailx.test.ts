// A process that sends one plain mail loads nothing that it has no use for.
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { readAttachments } from '../../src/emailx/attachments.ts';
import { literal, messageOf, octetsOf } from '../support/mail-message.ts';

const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('/nodemailer/'));

it('loads the MIME library for quoted-printable and names that are not ASCII, and for nothing else', () => {
  const text = { header: 'Subject: \xe4', body: literal('\xe4\r\n') };
  const plain = [0, 1, 2, 3].map((encoding) => ({ content: 'x', name: 'a.txt', encoding }));
  octetsOf(messageOf({ ...text, html: true, attachments: readAttachments(plain) }));
  expect(loaded()).toEqual([]);
  octetsOf(messageOf({ ...text, attachments: readAttachments([{ content: 'x', name: 'a.txt', encoding: 4 }]) }));
  expect(loaded().map((path) => path.replace(/.*\/nodemailer\//, ''))).toEqual(['dist/cjs/qp/index.js']);
  octetsOf(messageOf({ ...text, attachments: readAttachments([{ content: 'x', name: 'ä.txt' }]) }));
  expect(loaded().some((path) => path.endsWith('mime-funcs/index.js'))).toBe(true);
});
