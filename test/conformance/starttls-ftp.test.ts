// FTP by `ftp` of tcpx/starttls, blocking and awaitable, against scripted servers: the library's part. Real servers, and
// the resumption that they ask for, are for the interop tests.
import { engineReports } from 'tcpx';
import {
  ChannelError,
  DialogueError,
  type FtpClient,
  type FtpOptions,
  ftp,
  NegotiationError,
  UsageError,
} from 'tcpx/starttls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { COLUMNS, type Column, guardDescriptors } from '../support/conformance.ts';
import { cleanUpAfterAll } from '../support/peer.ts';
import { makePki, type Pki } from '../support/pki.ts';
import { type Step, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

let pki: Pki;
beforeAll(async () => {
  pki = await makePki();
});
await startPeerHost();
guardDescriptors();
cleanUpAfterAll();
afterEach(stopPeers);

const PATIENCE = 2_000;

/** A client whose calls are promises in either mode. */
async function open({ engine, mode }: Column, options: Partial<FtpOptions> & { port: number }): Promise<FtpClient> {
  const all = { host: 'localhost', engine, tls: { ca: pki.ca }, deadline: 5_000, patience: PATIENCE, ...options };
  if (mode === 'async') return ftp(all);
  const client = ftp.sync(all);
  return {
    result: client.result,
    login: async (...args) => client.login(...args),
    list: async (...args) => client.list(...args),
    retrieve: async (...args) => client.retrieve(...args),
    close: async () => client.close(),
  };
}

const say = (command: string, ...replies: readonly string[]): Step[] => [
  { expect: `${command}\r\n` },
  { send: replies.map((reply) => `${reply}\r\n`).join('') },
];

const OPENING: readonly Step[] = [
  { send: '220 ready\r\n' },
  ...say('FEAT', '211-features', ' AUTH TLS', '211 end'),
  ...say('AUTH TLS', '234 go'),
  { startTls: {} },
  ...say('FEAT', '211 none'),
];
const LOGIN: readonly Step[] = [
  ...say('USER ann', '331 password'),
  ...say('PASS secret', '230 welcome'),
  ...say('PBSZ 0', '200 ok'),
  ...say('PROT P', '200 ok'),
];
const LEAVE: readonly Step[] = [{ expect: 'QUIT\r\n' }, { expectEnd: 'any' }];

/** A server for the data: `content` once, on a port of its own. */
const dataPeer = (content: string, close: Step = { close: 'fin' }) =>
  startPeer({ steps: [{ startTls: {} }, { send: content }, close] });

const passive = (port: number) => say('EPSV', `229 ok (|||${port}|)`);

const columns = COLUMNS.filter(({ engine }) => engineReports().find(({ name }) => name === engine)?.available === true);

describe.each(columns.map((column) => [`${column.engine} ${column.mode}`, column] as const))('%s', (_name, column) => {
  it('logs in, lists and retrieves', async () => {
    const list = await dataPeer('caf\xc3\xa9.txt\r\n');
    const file = await dataPeer('x'.repeat(100_000));
    const server = await startPeer({
      steps: [
        ...OPENING,
        ...LOGIN,
        ...say('TYPE A', '200 ok'),
        ...passive(list.port),
        ...say('LIST', '150 opening', '226 done'),
        ...say('TYPE I', '200 ok'),
        ...passive(file.port),
        ...say('RETR caf\xc3\xa9.txt', '150 opening', '226 done'),
        ...LEAVE,
      ],
    });
    const client = await open(column, { port: server.port });
    expect(client.result).toMatchObject({
      outcome: 'upgraded',
      dialect: 'ftp',
      tls: { verify: { result: 'verified' } },
    });
    await client.login('ann', 'secret');
    expect(await client.list()).toBe('café.txt\r\n');
    let bytes = 0;
    const transfer = await client.retrieve('café.txt', (part) => {
      bytes += part.length;
    });
    expect(transfer).toMatchObject({ bytes: 100_000, reply: { code: 226 }, tls: { verify: { result: 'verified' } } });
    expect(bytes).toBe(100_000);
    await client.close();
    await client.close();
    await expect(client.list()).rejects.toThrow(UsageError);
    for (const peer of [list, file, server]) await peer.finished();
  });

  it('goes on after a refusal, and after an argument that cannot be sent', async () => {
    const server = await startPeer({
      steps: [...OPENING, ...say('USER eve', '530 no'), ...LOGIN, ...say('TYPE I', '504 no'), ...LEAVE],
    });
    const client = await open(column, { port: server.port });
    await expect(client.login('eve', 'x')).rejects.toMatchObject({ fault: 'refused' });
    await expect(client.login('a\r\nb', 'x')).rejects.toThrow(UsageError);
    await client.login('ann', 'secret');
    await expect(client.retrieve('x', () => {})).rejects.toThrow(DialogueError);
    await client.close();
    await server.finished();
  });

  it('says that data may be missing when they end without close_notify', async () => {
    const data = await dataPeer('half of it', { close: 'no-close-notify' });
    const server = await startPeer({
      steps: [
        ...OPENING,
        ...say('TYPE I', '200 ok'),
        ...passive(data.port),
        ...say('RETR x', '150 opening', '226 done'),
        { expectEnd: 'any' },
      ],
    });
    const client = await open(column, { port: server.port });
    await expect(client.retrieve('x', () => {})).rejects.toThrow(ChannelError);
    await expect(client.list()).rejects.toThrow('closed');
    await server.finished();
  });

  it('waits no longer than its patience', async () => {
    const server = await startPeer({ steps: [...OPENING, { expect: 'USER ann\r\n' }, { expectEnd: 'any' }] });
    const client = await open(column, { port: server.port, patience: 200 });
    await expect(client.login('ann', 'secret')).rejects.toMatchObject({ fault: 'timeout' });
    await server.finished();
  });

  it('has no way into clear', async () => {
    const server = await startPeer({ steps: [{ send: '220 ready\r\n' }, ...say('FEAT', '211 none'), ...LEAVE] });
    await expect(open(column, { port: server.port })).rejects.toThrow(NegotiationError);
    await server.finished();
  });

  it('speaks TLS from the first byte to ftps', async () => {
    const server = await startPeer({
      tls: { alpn: ['ftp'] },
      steps: [{ send: '220 ready\r\n' }, ...say('FEAT', '211 none'), ...LOGIN, ...LEAVE],
    });
    const client = await open(column, { port: server.port, protocol: 'ftps' });
    expect(client.result).toMatchObject({ outcome: 'direct', tls: { alpn: 'ftp' } });
    await client.login('ann', 'secret');
    await client.close();
    await server.finished();
  });
});

it('one call at a time; CLOSE ends it', async () => {
  const server = await startPeer({ steps: [...OPENING, { expect: 'USER ann\r\n' }, { expectEnd: 'any' }] });
  const client = await open({ engine: 'node', mode: 'async' }, { port: server.port });
  const pending = expect(client.login('ann', 'secret')).rejects.toThrow();
  await expect(client.list()).rejects.toThrow('another call');
  await client.close();
  await pending;
  await server.finished();
});

it('is for FTP', async () => {
  await expect(ftp({ url: 'smtp://localhost:1' })).rejects.toThrow(UsageError);
  expect(() => ftp.sync({ url: 'smtp://localhost:1' })).toThrow('ftp:// or ftps://');
});
