/** EMAILX against nodemailer and postfix's smtp-source: many messages on one session, and one large attachment. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  alternate,
  type Bench,
  CORES,
  type Contender,
  type Figures,
  inNode,
  sample,
  scaled,
  withServer,
} from '../harness.ts';
import { against, type Line, perSecond, type Row } from '../row.ts';
import { alternateStarts } from './start-up.ts';

/** Enough for the compiler threads of a Node process to come to rest. */
const WARMUP = 12_000;
const BATCHES = 20;
const MESSAGES = 100;
const SOURCE_MESSAGES = 5_000;

function serverWords(bench: Bench, tls: boolean): string[] {
  return tls ? ['starttls', bench.cert, bench.key] : ['plain'];
}

/** The same client, told to use nodemailer. */
function byNodemailer(contender: Contender): Contender {
  return { command: [...contender.command, 'nodemailer'] };
}

/** smtp-source reports nothing: the time of its whole run counts, of which starting it is a small part. */
async function bySource(port: number): Promise<Figures> {
  const words = [
    '-d',
    '-s',
    '1',
    '-l',
    '1024',
    '-m',
    String(SOURCE_MESSAGES),
    '-f',
    'me@example.com',
    '-t',
    'ann@example.com',
  ];
  const begun = performance.now();
  const child = spawn('taskset', ['-c', '0', 'smtp-source', ...words, `inet:127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`smtp-source ended with ${code}`);
  return { rate: (SOURCE_MESSAGES / (performance.now() - begun)) * 1e3 };
}

const SOURCE: Contender = { command: ['smtp-source'] };

function sessionRow(tls: boolean): Row {
  return {
    name: tls ? 'mail-tls' : 'mail',
    needs: ['taskset', 'gnutls'],
    async run(bench) {
      const lines: Line[] = [];
      const hasSource = !tls && spawnSync('smtp-source', [], { stdio: 'ignore' }).error === undefined;
      if (!tls && !hasSource) console.error('SKIPPED mail against smtp-source: postfix is not installed');
      for (const cores of CORES) {
        const samples = await withServer(bench, cores, 'smtp-server', serverWords(bench, tls), (port) => {
          const order = { work: 'session', tls, port, warmup: WARMUP, amount: scaled(bench, BATCHES), size: MESSAGES };
          const ours = inNode(bench, 'mail', order);
          const contenders = [ours, byNodemailer(ours), ...(hasSource ? [SOURCE] : [])];
          return alternate(bench, contenders, ['rate'], (contender) =>
            contender === SOURCE ? bySource(port) : sample(contender),
          );
        });
        const work = `1 KB messages on one session${tls ? ', STARTTLS' : ''}, native, sync`;
        lines.push(against(samples, 1, 'rate', perSecond, { work, cores, name: 'nodemailer', goal: { least: 3 } }));
        if (hasSource) {
          // On one core the figure is stated only: there the server takes its part of what is measured.
          const goal = cores === 'two cores' ? { least: 1 } : null;
          lines.push(against(samples, 2, 'rate', perSecond, { work, cores, name: 'smtp-source -d', goal }));
        }
      }
      return lines;
    },
  };
}

export const mailSession: Row = sessionRow(false);
export const mailSessionTls: Row = sessionRow(true);

const ATTACHMENT_MEBIBYTES = 100;
const MEBIBYTE = 1_048_576;

export const mailAttachment: Row = {
  name: 'mail-attachment',
  needs: ['taskset', 'gnutls'],
  async run(bench) {
    const directory = mkdtempSync(join(tmpdir(), 'tcpx-bench-'));
    const file = join(directory, 'attachment.bin');
    const fd = openSync(file, 'w');
    writeSync(fd, 'not empty');
    ftruncateSync(fd, ATTACHMENT_MEBIBYTES * MEBIBYTE);
    closeSync(fd);
    try {
      const lines: Line[] = [];
      for (const cores of CORES) {
        const samples = await withServer(bench, cores, 'smtp-server', serverWords(bench, false), (port) => {
          const ours = inNode(bench, 'mail', {
            work: 'attachment',
            port,
            amount: ATTACHMENT_MEBIBYTES,
            traceFile: file,
          });
          return alternate(bench, [ours, byNodemailer(ours)], ['rate', 'cpu']);
        });
        const work = `${ATTACHMENT_MEBIBYTES} MiB attachment, native, sync`;
        const rate = (value: number) => `${value.toFixed(0)} MiB/s`;
        const cpu = (value: number) => `${(value / 1e3).toFixed(2)} s`;
        lines.push(
          against(samples, 1, 'rate', rate, { work: `${work}: wall`, cores, name: 'nodemailer', goal: { least: 1.5 } }),
          against(samples, 1, 'cpu', cpu, { work: `${work}: CPU`, cores, name: 'nodemailer', goal: null }),
        );
      }
      return lines;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** Programs that send one mail; those that are not installed are left out, and said so. */
function coldContenders(port: number): readonly { readonly name: string; readonly contender: Contender }[] {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const addresses = ['--from', 'me@example.com', '--to', 'ann@example.com'];
  const command = here('../../../bin/tcpx.cjs');
  const ours = [
    'mail',
    '--server',
    `127.0.0.1:${port}`,
    '--no-tls',
    ...addresses,
    '--subject',
    'cold',
    '--text',
    'Hello',
  ];
  const msmtp = `printf 'Subject: cold\\n\\nHello\\n' | msmtp --host=127.0.0.1 --port=${port} --from=me@example.com ann@example.com`;
  const all = [
    { name: 'tcpx mail', contender: { command: [process.execPath, command, ...ours] } },
    { name: 'node -e 0', contender: { command: [process.execPath, '-e', '0'] } },
    { name: 'nodemailer', contender: { command: [process.execPath, here('../clients/mail-once.js'), String(port)] } },
    { name: 'swaks', contender: { command: ['swaks', '--server', `127.0.0.1:${port}`, ...addresses] } },
    { name: 'msmtp', contender: { command: ['sh', '-c', msmtp] } },
  ];
  return all.filter(({ name }) => {
    const isHere = name.includes(' ') || name === 'nodemailer' || spawnSync('which', [name]).status === 0;
    if (!isHere) console.error(`SKIPPED mail-cold against ${name}: it is not installed`);
    return isHere;
  });
}

/** One message from a process that has just been started: most of it is starting. */
export const mailCold: Row = {
  name: 'mail-cold',
  needs: ['taskset', 'gnutls'],
  async run(bench) {
    return await withServer(bench, 'two cores', 'smtp-server', ['plain'], async (port) => {
      const contenders = coldContenders(port);
      const samples = await alternateStarts(
        bench,
        contenders.map(({ contender }) => contender),
      );
      const unit = (ms: number) => `${ms.toFixed(0)} ms`;
      const goals: Readonly<Record<string, Line['goal']>> = { 'node -e 0': { most: 1.8 }, nodemailer: { most: 0.5 } };
      return contenders.flatMap(({ name }, index) => {
        if (index === 0) return [];
        const work = 'one message from a cold process';
        return [against(samples, index, 'ms', unit, { work, cores: 'core 0', name, goal: goals[name] ?? null })];
      });
    });
  },
};
