// The examples do what they say, on each engine.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { engineReports } from 'tcpx';
import { describe, expect, it } from 'vitest';
import { cleanUpAfterAll, runProcess } from '../support/peer.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const engines = engineReports()
  .filter(({ available }) => available)
  .map(({ name }) => name);

cleanUpAfterAll();

function example(name: string, engine: string) {
  const args = [`${root}dist/examples/${name}.js`];
  return runProcess({ command: process.execPath, args, cwd: root, env: { TCPX_ENGINE: engine, TCPX_TLS_VERIFY: '' } });
}

describe.each(engines)('on %s', (engine) => {
  it('invoices: a batch over one session goes on after a refusal', async () => {
    const { code, stdout, stderr } = await example('invoices', engine);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      [
        `engine ${engine}`,
        'invoice 4712 to gone@customer.example: 550 nobody is called gone@customer.example',
        '2 sent, 1 failed',
        'delivered: "Invoice 4711" from billing@example.com to ann@customer.example with inv4711.pdf, terms.txt (encrypted, by billing)',
        'delivered: "Invoice 4713" from billing@example.com to bob@customer.example with inv4713.pdf, terms.txt (encrypted, by billing)',
        '',
      ].join('\n'),
    );
  });

  it('send-mail: text, HTML with its image, an attachment', async () => {
    const { code, stdout, stderr } = await example('send-mail', engine);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^accepted for aenne@customer\.example: 250 accepted\nTLSv1\.3 TLS_\S+, CN=localhost verified\nDate: /,
    );
  });

  it('smtp-starttls: a dialogue by opcodes', async () => {
    const { code, stdout, stderr } = await example('smtp-starttls', engine);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('the server took a message for orders@localhost, encrypted:');
  });
});

it('the program before the migration makes the same calls as the one after it', () => {
  const calls = (text: string) =>
    [...text.matchAll(/EMF_[A-Z]+(?: ?\+ ?EMF_[A-Z]+)*,/g)].map(([flags]) => flags.replaceAll(' ', ''));
  const before = calls(readFileSync(`${root}examples/invoices.bp`, 'latin1'));
  const after = calls(readFileSync(`${root}examples/invoices.ts`, 'latin1').replace(/^import .*$/gm, ''));
  expect(before.length).toBe(3);
  expect(after.sort()).toEqual(before.sort());
});
