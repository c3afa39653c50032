import { engineReports } from 'tcpx';
import { afterAll, describe, expect, it } from 'vitest';
import { message, opening, QUIT, smtpServer } from '../conformance/emailx-mail.ts';
import { main } from '../support/command.ts';
import { cleanUpAfterAll, runProcess } from '../support/peer.ts';
import { stopPeers } from '../support/scripted-peer.ts';

const COLUMNS = engineReports()
  .filter(({ available }) => available)
  .flatMap(({ name }) => [
    [name, 'sync'],
    [name, 'async'],
  ]);

afterAll(stopPeers);
cleanUpAfterAll();

function exec(args: readonly string[], lines: readonly string[]) {
  const input = `${lines.join('\n')}\n`;
  return runProcess({ command: process.execPath, args: [main, 'exec', ...args], input, env: { TCPX_ENGINE: '' } });
}

/** A call with all of its arguments up to the socket; `to` and `flags` as they are written. */
const call = (flags: string, to: string, server: string) =>
  `XCALL EMAILX, ${flags}, "", ${to}, "Subject: x", "Hello\\r\\n", status, "me@example.com", "", "", errmsg, sock, "${server}", "client.example"`;
const DIMS = ['DIM errmsg,S,200', 'DIM sock,F'];

describe.each(COLUMNS)('XCALL EMAILX from tcpx exec on %s, %s', (engine = '', mode = '') => {
  const args = ['--engine', engine, ...(mode === 'async' ? ['--async'] : [])];

  it('sends a batch over one session', async () => {
    const peer = await smtpServer(opening(), message(), message(['bob@example.com']), QUIT);
    const { code, stdout, stderr } = await exec(args, [
      ...DIMS,
      call('EMF_LEAVEOPEN', '"ann@example.com"', peer.server),
      call('EMF_ALREADYOPEN + EMF_LEAVEOPEN', '"bob@example.com"', ''),
      'SOCKETS',
      call('EMF_CLOSEONLY', '""', ''),
      'PRINT status, sock',
    ]);
    await peer.finished();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.replace(/\d+\.\d\d ms/g, 'T')).toMatch(
      /^ {3}3 XCALL EMAILX, EMF_LEAVEOPEN.* STATUS 0 {2}sockport 1 {2}T\n {3}4 XCALL EMAILX.* STATUS 0 {2}sockport 1 {2}T\n/,
    );
    expect(stdout).toMatch(/STATUS 0 {2}sockport -1 {2}/);
  });

  it('answers with STATUS and errmsg, and ends the script', async () => {
    const refused = [...opening(), ...message().slice(0, 3), { send: '550 5.1.1 unknown\r\n' }, ...QUIT];
    const peer = await smtpServer(refused);
    const lines = [...DIMS, call('0', '"ann@example.com"', peer.server), 'PRINT errmsg'];
    const { code, stdout, stderr } = await exec(args, lines);
    await peer.finished();
    expect(code).toBe(1);
    expect(stdout).toContain('STATUS 550');
    expect(stderr).toBe('tcpx exec: standard input line 3: EMAILX failed, STATUS 550: 5.1.1 unknown\n');
    const allowed = await exec([...args, '--json'], [...DIMS, `- ${call('0', '""', 'localhost:1')}`, 'PRINT errmsg']);
    expect(allowed.code).toBe(0);
    const [record, printed] = allowed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(record).toMatchObject({
      routine: 'EMAILX',
      opcode: 'EMAILX',
      status: 73,
      text: "there is no recipient: 'to' is blank",
      failed: true,
      allowed: true,
    });
    expect(printed.values.errmsg).toBe("there is no recipient: 'to' is blank");
  });
});

describe.concurrent('tcpx exec', () => {
  it('takes assumptions about EMAILX', async () => {
    const script = [...DIMS, `- ${call('0', '"ann@example.com"', '')}`];
    const { code, stdout } = await exec(['--assume', 'emailx.missingServer=70'], script);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('STATUS 70') });
    const wrong = await exec(['--assume', 'emailx.colour=red'], script);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('emailx.assume.colour is unknown');
  });

  it('knows the name in any case, and which there are', async () => {
    const peer = await smtpServer(opening(), message(), QUIT);
    const short = `xcall emailx.sbx(0, "", "ann@example.com", "Subject: x", "Hello\\r\\n", status, "me@example.com", "", "", "", "", "${peer.server}", "client.example")`;
    expect((await exec([], [short])).code).toBe(0);
    const { code, stderr } = await exec([], ['XCALL EMALX, 0']);
    expect(code).toBe(2);
    expect(stderr).toContain('XCALL EMALX: there is no such routine; there are TCPX, TCPCLI, TCPSRV, EMAILX');
  });

  it('has to be given a variable for STATUS', async () => {
    const { code, stderr } = await exec([], ['XCALL EMAILX, 0, "", "ann@example.com", "x", "y", 0']);
    expect(code).toBe(2);
    expect(stderr).toContain('argument 6 must be a variable for STATUS');
  });
});
