// Dovecot, started from a directory of its own on ports of 127.0.0.1 and ended by process id. No system service,
// configuration or mailbox is touched. Needs root, to run its parts as other users.

import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type MailDirectory, mailDirectory } from './mail-directory.ts';
import { publicDirectory, startProcess, withFreePorts } from './peer.ts';
import type { Identity, PkiPaths } from './pki.ts';

export interface DovecotOptions {
  /** Default: `pki.good`. */
  readonly identity?: Identity;
  /** Default: PLAIN and LOGIN. */
  readonly mechanisms?: readonly Mechanism[];
}

export type Mechanism = 'PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'SCRAM-SHA-1' | 'SCRAM-SHA-256' | 'XOAUTH2' | 'OAUTHBEARER';

/** The one user of a Dovecot. */
export interface Account {
  readonly user: string;
  readonly password: string;
  /** For XOAUTH2 and OAUTHBEARER, good for an hour. */
  readonly accessToken: string;
}

/**
 * A client that comes from the server's own address is local for Dovecot, which then lets it log in without TLS. Seen
 * from 127.0.0.1 this is another address, on loopback all the same.
 */
const strictHost = '127.0.0.2';

export interface Dovecot extends Account {
  /** All ports answer at 127.0.0.1 and here. Only here TLS is required: LOGINDISABLED and the like until then. */
  readonly strictHost: string;
  /** With STARTTLS, the next with STLS. */
  readonly imapPort: number;
  readonly pop3Port: number;
  /** TLS from the first byte. */
  readonly imapsPort: number;
  readonly pop3sPort: number;
  /** LMTP with STARTTLS: takes mail for `user` at whatever domain, without authentication. */
  readonly lmtpPort: number;
  /** ManageSieve with STARTTLS. */
  readonly sievePort: number;
  /** The user's mail. */
  readonly mail: MailDirectory;
  log(): string;
  stop(): Promise<void>;
}

/** Starts Dovecot; ready when all ports accept. */
export function startDovecot(pki: PkiPaths, options: DovecotOptions = {}): Promise<Dovecot> {
  const { identity = pki.good, mechanisms = ['PLAIN', 'LOGIN'] } = options;
  return withFreePorts(6, async (...free) => {
    const [imapPort = 0, pop3Port = 0, imapsPort = 0, pop3sPort = 0, lmtpPort = 0, sievePort = 0] = free;
    const ports = { imapPort, pop3Port, imapsPort, pop3sPort, lmtpPort, sievePort };
    const { directory, account } = home(mechanisms);
    const configuration = [common(directory, mechanisms), mailConf(directory, identity, ports)];
    const server = await start(directory, configuration, free);
    const log = () => server.output();
    const mail = mailDirectory(join(directory, 'mail', account.user), log);
    return { strictHost, ...ports, ...account, mail, log, stop: () => server.stop() };
  });
}

export interface DovecotAuth extends Account {
  /** Path of the Unix socket on which Postfix asks. */
  readonly socket: string;
  log(): string;
  stop(): Promise<void>;
}

/** Starts Dovecot as nothing but somebody to ask about passwords, for the SASL of Postfix. */
export async function startDovecotAuth(mechanisms: readonly Mechanism[]): Promise<DovecotAuth> {
  const { directory, account } = home(mechanisms);
  const socket = join(directory, 'run', authSocket);
  const server = await start(directory, [common(directory, mechanisms), authConf]);
  return { ...account, socket, log: () => server.output(), stop: () => server.stop() };
}

function start(directory: string, configuration: readonly string[], tcpPort?: readonly number[]) {
  const file = join(directory, 'dovecot.conf');
  writeFileSync(file, configuration.join(''));
  // The last thing that the master says before it serves; its sockets are open by then.
  const ready = tcpPort === undefined ? /starting up/ : { tcpPort };
  return startProcess({ command: 'dovecot', args: ['-F', '-c', file], ready });
}

/** The directory of one Dovecot with its user's password and key. */
function home(mechanisms: readonly Mechanism[]): { directory: string; account: Account } {
  const directory = publicDirectory('tcpx-dovecot-');
  const [user, password, key] = ['ann', 'secret', randomBytes(32)];
  for (const name of ['run', 'mail']) mkdirSync(join(directory, name), { mode: 0o755 });
  execFileSync('chown', ['mail:mail', join(directory, 'mail')]);
  writeFileSync(join(directory, 'users'), `${user}:{PLAIN}${password}\n`);
  if (mechanisms.some(byToken)) {
    const file = join(directory, 'keys/default/HS256/default');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, key.toString('base64'));
    writeFileSync(
      join(directory, 'oauth2.conf'),
      `introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix=${directory}/keys/\nusername_attribute = sub\n`,
    );
  }
  return { directory, account: { user, password, accessToken: webToken(user, key) } };
}

function byToken(mechanism: Mechanism): boolean {
  return mechanism === 'XOAUTH2' || mechanism === 'OAUTHBEARER';
}

/** A JSON web token (RFC 7519) under HS256. */
function webToken(subject: string, key: Uint8Array): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = [
    { alg: 'HS256', typ: 'JWT' },
    { sub: subject, iat: now - 60, nbf: now - 60, exp: now + 3600 },
  ]
    .map(encode)
    .join('.');
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

function common(directory: string, mechanisms: readonly Mechanism[]): string {
  const tokens = mechanisms.filter(byToken);
  return `
base_dir = ${directory}/run
state_dir = ${directory}/run
log_path = /dev/stderr
listen = 127.0.0.1, ${strictHost}
auth_mechanisms = ${mechanisms.join(' ').toLowerCase()}
auth_username_format = %n
auth_failure_delay = 0
${
  tokens.length === 0
    ? ''
    : `
passdb {
  driver = oauth2
  mechanisms = ${tokens.join(' ').toLowerCase()}
  args = ${directory}/oauth2.conf
}`
}
passdb {
  driver = passwd-file
  args = ${directory}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${directory}/mail/%n
}
# No penalty for the address that a wrong password came from.
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
`;
}

const authSocket = 'postfix';
const authConf = `
protocols =
ssl = no
service auth {
  unix_listener ${authSocket} {
    mode = 0666
  }
}
`;

type DovecotPorts = Readonly<
  Record<'imapPort' | 'pop3Port' | 'imapsPort' | 'pop3sPort' | 'lmtpPort' | 'sievePort', number>
>;

function mailConf(directory: string, { cert, key }: Identity, ports: DovecotPorts): string {
  const login = (protocol: 'imap' | 'pop3', clear: number, tls: number) => `
service ${protocol}-login {
  chroot =
  inet_listener ${protocol} {
    port = ${clear}
  }
  inet_listener ${protocol}s {
    port = ${tls}
    ssl = yes
  }
}`;
  return `
protocols = imap pop3 lmtp sieve
ssl = required
ssl_cert = <${cert}
ssl_key = <${key}
ssl_min_protocol = TLSv1.2
mail_location = maildir:${directory}/mail/%n
first_valid_uid = 1
service lmtp {
  inet_listener lmtp {
    port = ${ports.lmtpPort}
  }
}
service managesieve-login {
  chroot =
  inet_listener sieve {
    port = ${ports.sievePort}
  }
}
${login('imap', ports.imapPort, ports.imapsPort)}
${login('pop3', ports.pop3Port, ports.pop3sPort)}
`;
}
