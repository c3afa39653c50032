// What the injection test finds out about servers that keep, of what was said in clear, all, a part or nothing.
import { engineReports } from 'tcpx';
import { beforeAll, describe, expect, it } from 'vitest';
import { runAsync } from '../../src/core/run.ts';
import { checkOp } from '../../src/starttls/check.ts';
import { targetOf } from '../../src/starttls/target.ts';
import { openJob } from '../../src/tcpx/open-job.ts';
import { guardDescriptors } from '../support/conformance.ts';
import { makePki, type Pki } from '../support/pki.ts';
import {
  type Kept,
  POP3_LIST,
  POP3_SCRIPT,
  startVulnerableServer,
  VULNERABLE_SCRIPTS,
  type VulnerableScript,
} from '../support/vulnerable-server.ts';

guardDescriptors();

let pki: Pki;
beforeAll(async () => {
  pki = await makePki();
});

const ENGINES = engineReports().flatMap(({ name, available }) => (available ? [name] : []));
if (!ENGINES.includes('gnutls')) {
  if (process.env.TCPX_INTEROP === 'required') throw new Error('the gnutls engine is required here');
  process.stderr.write('SKIPPED the injection test on gnutls: the engine is not available\n');
}

const LIMIT = 10_000;

const results = (wholeLine: string, halfLine: string) => ({
  'whole line': wholeLine,
  'half line': halfLine,
  'next segment': 'refused',
});

const FOUND: Readonly<Record<Kept, object>> = {
  everything: { verdict: 'injectable', ...results('executed', 'executed') },
  'whole lines': { verdict: 'injectable', ...results('executed', 'dropped') },
  'half a line': { verdict: 'injectable', ...results('dropped', 'executed') },
  nothing: { verdict: 'good', ...results('dropped', 'dropped') },
};
const KEPT = Object.keys(FOUND) as Kept[];

describe.each(ENGINES)('the injection test on %s', (engine) => {
  async function found(scheme: string, script: VulnerableScript, kept: Kept): Promise<object> {
    const server = await startVulnerableServer(script, kept);
    const target = targetOf(`${scheme}://localhost:${server.port}`, { self: 'client.example' });
    const job = await openJob({ engine, tls: { ca: pki.ca, servername: 'localhost' } });
    try {
      const caller = job.caller('async');
      const common = { policy: 'require', injected: 'reject', timeout: LIMIT, observer: null } as const;
      const { verdict, injection } = await runAsync(
        checkOp({ target, caller, ...common }, 0, { caller: () => caller, hosts: [] }),
      );
      return { verdict, ...Object.fromEntries((injection ?? []).map(({ vector, result }) => [vector, result])) };
    } finally {
      job.close();
      await server.stop();
    }
  }

  const scripts = VULNERABLE_SCRIPTS.map(({ scheme, what, ...script }) => [scheme, what, script] as const);
  it.concurrent.each(scripts)('tells what a server of %s %s keeps', async (scheme, _what, script) => {
    const each = await Promise.all(KEPT.map(async (kept) => [kept, await found(scheme, script, kept)] as const));
    expect(Object.fromEntries(each)).toEqual(FOUND);
  });

  describe('does not call it good where it cannot tell:', () => {
    const UNCLEAR = { verdict: 'unclear', ...results('unclear', 'unclear') };

    it.concurrent('nobody takes the leave', async () => {
      const script = { ...POP3_SCRIPT, answers: () => () => '-ERR what?\r\n' };
      const [clean, half, whole] = await Promise.all(
        (['nothing', 'half a line', 'whole lines'] as const).map((kept) => found('pop3', script, kept)),
      );
      expect(clean).toEqual(UNCLEAR);
      expect(half).toEqual(UNCLEAR);
      expect(whole).toMatchObject({ verdict: 'injectable', 'whole line': 'executed' });
    });

    it.concurrent('the answer to what is glued together is that to the leave', async () => {
      const words: Readonly<Record<string, string | { readonly last: string }>> = {
        CAPA: POP3_LIST,
        NOOP: '+OK\r\n',
        QUIT: { last: '+OK\r\n' },
      };
      const script = { ...POP3_SCRIPT, answers: () => (line: string) => words[line.slice(0, 4)] ?? '-ERR what?\r\n' };
      const each = { verdict: 'unclear', ...results('dropped', 'unclear') };
      expect(await found('pop3', script, 'half a line')).toEqual(each);
    });

    it.concurrent('the server has had enough of connections', async () => {
      let connections = 0;
      const script = {
        ...POP3_SCRIPT,
        get greeting() {
          connections += 1;
          return connections > 2 ? '-ERR too many\r\n' : POP3_SCRIPT.greeting;
        },
      };
      expect(await found('pop3', script, 'nothing')).toEqual({ ...UNCLEAR, 'next segment': 'unclear' });
    });
  });
});
