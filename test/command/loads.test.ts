// What the command loads: a mail that is plain text pays for nothing else. Node itself writes down which scripts it has run.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineReports } from 'tcpx';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { dialectNamed } from '../../src/starttls/dialects.ts';
import { message, opening, QUIT, smtpServer } from '../conformance/emailx-mail.ts';
import { main } from '../support/command.ts';
import { startDialectServer, stopDialectServers } from '../support/dialect-server.ts';
import { cleanUpAfterAll, runProcess, tempDir } from '../support/peer.ts';
import { writePki } from '../support/pki.ts';
import { stopPeers } from '../support/scripted-peer.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const engines = engineReports()
  .filter(({ available }) => available)
  .map(({ name }) => name);

afterEach(stopDialectServers);
afterAll(stopPeers);
cleanUpAfterAll();

interface Loaded {
  /** Below `dist/bin`, or below node_modules with the package's name in front. */
  readonly files: readonly string[];
  /** Modules of Node. */
  readonly builtins: readonly string[];
}

/** Runs the command and tells what that took. */
async function loadedBy(args: readonly string[], engine = ''): Promise<Loaded> {
  const coverage = tempDir();
  const list = join(coverage, 'builtins');
  const hook = `import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(process.env.LIST, process.moduleLoadList.join('\\n')));`;
  const { code, output } = await runProcess({
    command: process.execPath,
    args: ['--import', `data:text/javascript,${hook}`, main, ...args],
    // Kept code goes by names, which Node does not write down.
    env: { NODE_V8_COVERAGE: coverage, LIST: list, TCPX_ENGINE: engine, NODE_DISABLE_COMPILE_CACHE: '1' },
  });
  expect(code, output).toBe(0);
  const scripts = readdirSync(coverage)
    .filter((name) => name.endsWith('.json'))
    .flatMap(
      (name) => (JSON.parse(readFileSync(join(coverage, name), 'utf8')) as { result: { url: string }[] }).result,
    );
  return {
    files: scripts
      .filter(({ url }) => url.startsWith('file:'))
      .map(({ url }) => fileURLToPath(url).replace(/^.*\/(?:node_modules|dist\/bin)\//, '')),
    builtins: readFileSync(list, 'latin1')
      .split('\n')
      .flatMap((line) => /^NativeModule ([\w/]+)$/.exec(line)?.[1] ?? []),
  };
}

const LETTER = [
  'mail',
  '--no-tls',
  '--from',
  'me@example.com',
  '--to',
  'Ann Miller <ann@example.com>',
  '--subject',
  'x',
];

/** Files of the command that a plain text over a connection in clear needs, with the engine node. */
const FOR_TEXT = /^(tcpx|mail)\.cjs$/;

describe.each(engines)('on %s, a plain text', (engine) => {
  it('loads neither the other engine nor what is for other mails', async () => {
    const peer = await smtpServer(opening(), message(), QUIT);
    const args = [
      ...LETTER,
      '--server',
      peer.server,
      '--host',
      'client.example',
      '--text',
      'Hello',
      '--engine',
      engine,
    ];
    const { files, builtins } = await loadedBy(args);
    expect(files).toContain('mail.cjs');
    const native = /^(mail\.engine-native\.cjs$|koffi\/|@koromix\/koffi-)/;
    expect(files.filter((file) => !FOR_TEXT.test(file) && !(engine === 'gnutls' && native.test(file)))).toEqual([]);
    const needless = [
      'readline',
      'fs/promises',
      'child_process',
      'http',
      'tls',
      'timers/promises',
      ...(engine === 'node' ? [] : ['perf_hooks']),
    ];
    expect(builtins.filter((name) => needless.includes(name))).toEqual([]);
  });
});

it('loads no TLS library for a mail in clear, unless its engine is asked for', async () => {
  const send = async (engine: string) => {
    const peer = await smtpServer(opening(), message(), QUIT);
    const server = ['--server', peer.server, '--host', 'client.example'];
    const { files } = await loadedBy([...LETTER, ...server, '--text', 'Hello'], engine);
    return files.filter((file) => /engine|tls/.test(file));
  };
  expect(await send('')).toEqual([]);
  for (const engine of engines) {
    expect(await send(engine)).toEqual(engine === 'gnutls' ? ['mail.engine-native.cjs'] : []);
  }
});

it('sees what is loaded when it is needed', async () => {
  const peer = await smtpServer(opening(), message(), QUIT);
  const attach = ['--attach', `${root}README.md`, '--subject', 'Grüße'];
  const args = [...LETTER, '--server', peer.server, '--host', 'client.example', '--text', 'Hello', ...attach];
  const { files } = await loadedBy(args);
  expect(files.some((file) => file.startsWith('nodemailer/'))).toBe(true);
});

describe.each(engines)('tcpx starttls on %s', (engine) => {
  it('loads that engine alone', async () => {
    const directory = tempDir();
    const pki = await writePki(directory);
    const { port } = await startDialectServer(dialectNamed('smtp'));
    const args = ['starttls', '--quit', '--ca', pki.ca, '--engine', engine, `smtp://localhost:${port}`];
    const { files, builtins } = await loadedBy(args);
    const own = engine === 'node' ? ['starttls.node-tls.cjs'] : ['starttls.engine-native.cjs'];
    expect(files.filter((file) => /engine|tls\./.test(file) && file !== 'starttls.cjs').sort()).toEqual(own);
    expect(builtins.includes('tls')).toBe(engine === 'node');
  });
});
