// INN's nnrpd alone: it reads a spool, nobody feeds it. Needs root, to run as the user news.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess, startProcess, withFreePort } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { copyCertificates, giveTo, type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface NewsServer extends Server {
  /** NNTP with STARTTLS, or TLS from the first byte under the option `implicit`. */
  readonly port: number;
  /** Logs in by AUTHINFO USER. */
  readonly user: string;
  readonly password: string;
  /** Has the one article. */
  readonly group: string;
  readonly messageId: string;
}

export interface NewsServerOptions extends ServerOptions {
  /** TLS from the first byte, as on port 563. Default: false. */
  readonly implicit?: boolean;
}

/**
 * Starts nnrpd; ready when it accepts. Without `tls` STARTTLS is answered by 580, with `requireTls` AUTHINFO in clear
 * by 483.
 */
export function startNewsServer(pki: PkiPaths, options: NewsServerOptions = {}): Promise<NewsServer> {
  const { identity = pki.good, tls = true, requireTls = false, implicit = false } = options;
  return withFreePort(async (port) => {
    const directory = serverDirectory('tcpx-nnrpd-', [
      ...['db', 'etc', 'log', 'run', 'tmp'],
      ...['articles', 'incoming', 'overview'].map((name) => `spool/${name}`),
    ]);
    const at = (name: string) => join(directory, name);
    const [user, password, group, messageId] = ['ann', 'secret', 'local.test', '<1@localhost.localdomain>'];
    const { ca, cert, key } = copyCertificates(pki, identity, at('etc'));
    const hash = execFileSync('openssl', ['passwd', '-6', password], { encoding: 'latin1' });
    const files = {
      'etc/inn.conf': innConf(directory, tls ? { tlscafile: ca, tlscertfile: cert, tlskeyfile: key } : {}),
      'etc/readers.conf': readersConf(at('etc/passwords'), requireTls),
      'etc/storage.conf': 'method tradspool {\n  class: 0\n  newsgroups: *\n}\n',
      'etc/passwords': `${user}:${hash}`,
      'db/active': `${group} 0000000001 0000000001 y\n`,
      'db/newsgroups': `${group}\tTests\n`,
      'db/active.times': '',
      'db/history': '',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
    mkdirSync(at(`spool/articles/${group.replace('.', '/')}`), { recursive: true });
    writeFileSync(at(`spool/articles/${group.replace('.', '/')}/1`), article(group, messageId));
    giveTo('news', directory);

    const common = { user: 'news', env: { INNCONF: at('etc/inn.conf') }, cwd: directory };
    const index = await runProcess({ command: 'makehistory', args: ['-O'], ...common });
    if (index.code !== 0) throw new Error(`makehistory: ${index.output}`);
    const server = await startProcess({
      command: 'nnrpd',
      args: ['-D', '-f', '-b', '127.0.0.1', '-p', `${port}`, ...(implicit ? ['-S'] : [])],
      ready: { tcpPort: port },
      outputToFile: true,
      ...common,
    });
    // It tells its story to syslog; what is left is what went wrong before that.
    const log = () => server.output();
    return { port, user, password, group, messageId, log, stop: () => server.stop() };
  });
}

function innConf(directory: string, tls: Readonly<Record<string, string>>): string {
  const settings = {
    mta: '"/bin/false %s"',
    hismethod: 'hisv6',
    ovmethod: 'tradindexed',
    pathhost: 'localhost.localdomain',
    domain: 'localdomain',
    pathnews: '/usr/lib/news',
    pathdb: `${directory}/db`,
    pathetc: `${directory}/etc`,
    pathlog: `${directory}/log`,
    pathrun: `${directory}/run`,
    pathtmp: `${directory}/tmp`,
    pathspool: `${directory}/spool`,
    readerswhenstopped: 'true',
    // It would send clients away while the machine is busy.
    nnrpdloadlimit: '0',
    ...tls,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

function readersConf(passwords: string, requireTls: boolean): string {
  return `
auth "all" {
  hosts: "*"
  ${requireTls ? 'require_encryption: true' : ''}
  auth: "ckpasswd -f ${passwords}"
  default: "<anonymous>"
}
access "all" {
  users: "*"
  newsgroups: "*"
  access: "RPA"
}
`;
}

function article(group: string, messageId: string): string {
  return [
    'Path: localhost.localdomain!not-for-mail',
    'From: Ann <ann@example.com>',
    `Newsgroups: ${group}`,
    'Subject: test',
    'Date: Thu, 01 Jan 2026 00:00:00 +0000',
    `Message-ID: ${messageId}`,
    `Xref: localhost.localdomain ${group}:1`,
    '',
    'text',
    '.',
    '',
  ].join('\r\n');
}
