import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mailDirectory, withoutTrace } from '../support/mail-directory.ts';
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';

cleanUpAfterAll();

describe('mailDirectory', () => {
  it('has nothing before the first delivery', async () => {
    const mail = mailDirectory(join(tempDir(), 'none'), () => 'mailbox full');
    expect(mail.messages()).toEqual([]);
    await expect(mail.delivered(1, 30)).rejects.toThrow(/0 of 1 messages .* after 30 ms[\s\S]*mailbox full/);
  });

  it('reads new and seen messages in order of arrival', async () => {
    const path = tempDir();
    for (const part of ['new', 'cur', 'tmp']) mkdirSync(join(path, part));
    writeFileSync(join(path, 'new/1700000001.M30P9.host'), 'third');
    writeFileSync(join(path, 'new/1700000001.V1I2M4.host'), 'second');
    writeFileSync(join(path, 'cur/1700000000.M999999P9.host:2,S'), Uint8Array.of(0, 255));
    writeFileSync(join(path, 'tmp/1600000000.M1P1.host'), 'half of it');
    const messages = await mailDirectory(path, () => '').delivered(3);
    expect(messages.map((message) => message.toString('latin1'))).toEqual(['\x00\xff', 'second', 'third']);
  });
});

describe('withoutTrace', () => {
  const cut = (text: string) => withoutTrace(Buffer.from(text, 'latin1')).toString('latin1');

  it('takes what servers put in front, folded lines and all', () => {
    const trace = 'Return-Path: <a@b>\nDelivered-To: c@d\nReceived: from x\n\tby y;\n now\nX-Original-To: c@d\n';
    expect(cut(`${trace}Subject: s\n\nReceived: no\n`)).toBe('Subject: s\n\nReceived: no\n');
  });

  it('leaves the rest as it is', () => {
    for (const text of ['Subject: s\nReceived: later\n\n\xff\n', '\nReceived: in the body\n', ''])
      expect(cut(text)).toBe(text);
  });
});
