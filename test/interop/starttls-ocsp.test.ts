// What a server staples about its certificate (RFC 6066 §8): `openssl ocsp` answers, `openssl s_server` staples.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createJob, engineReports, F, S } from 'tcpx';
import { TCPOP_CONNECT, TCPOP_ERRMSG, TCPXFLG_BLOCK, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { NegotiationError, starttls } from 'tcpx/starttls';
import { describe, expect, it } from 'vitest';
import {
  cleanUpAfterAll,
  interop,
  type RunningProcess,
  runProcess,
  startProcess,
  tempDir,
  withFreePort,
} from '../support/peer.ts';

cleanUpAfterAll();

const ENGINES = engineReports().flatMap(({ name, available }) => (available ? [name] : []));

async function openssl(directory: string, ...args: string[]): Promise<void> {
  const { code, output } = await runProcess({ command: 'openssl', args, cwd: directory });
  if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${output}`);
}

/** A CA, a certificate for localhost, and what the CA says of it. */
async function makeStaple(state: 'V' | 'R'): Promise<string> {
  const directory = tempDir('tcpx-ocsp-');
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  const run = (...args: string[]) => openssl(directory, ...args);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=ocsp root');
  await run('req', ...key, '-keyout', 'own.key', '-out', 'own.csr', '-subj', '/CN=localhost');
  write('own.ext', 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n');
  const ca = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-set_serial', '4096', '-days', '2', '-extfile', 'own.ext'];
  await run('x509', '-req', '-in', 'own.csr', ...ca, '-out', 'own.crt');
  const revoked = state === 'R' ? '260101000000Z' : '';
  write('index.txt', `${state}\t990101000000Z\t${revoked}\t1000\tunknown\t/CN=localhost\n`);
  await run('ocsp', '-issuer', 'ca.crt', '-cert', 'own.crt', '-reqout', 'request.der', '-no_nonce');
  const signer = ['-rsigner', 'ca.crt', '-rkey', 'ca.key'];
  const answer = ['-reqin', 'request.der', '-respout', 'response.der', '-ndays', '1'];
  await run('ocsp', '-index', 'index.txt', '-CA', 'ca.crt', ...signer, ...answer);
  return directory;
}

async function withStaple(state: 'V' | 'R', run: (port: number, ca: string) => Promise<void>): Promise<void> {
  const directory = await makeStaple(state);
  let server: RunningProcess | undefined;
  try {
    await withFreePort(async (port) => {
      const identity = ['-cert', 'own.crt', '-key', 'own.key', '-status_file', 'response.der'];
      server = await startProcess({
        command: 'openssl',
        args: ['s_server', '-accept', `127.0.0.1:${port}`, ...identity, '-quiet'],
        cwd: directory,
        ready: { tcpPort: port },
      });
      await run(port, readFileSync(join(directory, 'ca.crt'), 'utf8'));
    });
  } finally {
    await server?.stop();
  }
}

interop('a stapled OCSP response', ['openssl'], () => {
  describe.each(ENGINES)('%s', (engine) => {
    it('is told, with its dates, and whether the library has checked it', async () => {
      await withStaple('V', async (port, ca) => {
        const { stream, result } = await starttls({ url: `tls://localhost:${port}`, engine, tls: { ca } });
        expect(result.ocsp).toEqual({
          status: 'good',
          thisUpdate: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          nextUpdate: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          checked: engine === 'gnutls',
        });
        stream.destroy();
      });
    });

    it.each(['sync', 'async'])('that says revoked is refused by CONNECT, %s', async (mode) => {
      await withStaple('R', async (port, ca) => {
        const connect = async (verify: 'full' | 'none') => {
          const job = createJob({ engine, tls: { ca, verify } });
          const [status, sock, text] = [F(), F(port), S(0)];
          const args = [
            'TCPX',
            TCPOP_CONNECT,
            status,
            '',
            sock,
            TCPXFLG_BLOCK + TCPXFLG_TLS,
            10_000,
            'localhost',
          ] as const;
          if (mode === 'sync') job.xcall(...args);
          else await job.xcall.async(...args);
          const code = status.value;
          job.xcall('TCPX', TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
          job.close();
          return { status: code, closed: sock.value === -1, text: text.value };
        };
        expect(await connect('full')).toEqual({
          status: -348,
          closed: true,
          text: expect.stringContaining('the certificate has been revoked'),
        });
        expect(await connect('none')).toMatchObject({ status: 0, closed: false });
      });
    });

    it('that says revoked ends the connection', async () => {
      await withStaple('R', async (port, ca) => {
        const error = await starttls({ url: `tls://localhost:${port}`, engine, tls: { ca } }).catch((reason) => reason);
        expect(error).toBeInstanceOf(NegotiationError);
        expect(error).toMatchObject({ result: { outcome: 'unverified', verifyReasons: ['revoked'] } });
      });
    });
  });
});
