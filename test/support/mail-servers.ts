// Postfix and Dovecot, started from a directory of their own on ports of 127.0.0.1 and ended by process id. No
// system service, configuration or mailbox is touched. Both need root, to run their parts as other users.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningProcess, runProcess, startProcess, tempDir, withFreePorts } from './peer.ts';
import type { Identity, PkiPaths } from './pki.ts';

export interface Postfix {
  /** SMTP with STARTTLS; mail to anybody is taken and dropped. */
  readonly submissionPort: number;
  /** SMTP under TLS from the first byte. */
  readonly smtpsPort: number;
  /** What Postfix has logged. */
  log(): string;
  stop(): Promise<void>;
}

export interface Dovecot {
  /** With STARTTLS, the next with STLS. */
  readonly imapPort: number;
  readonly pop3Port: number;
  /** TLS from the first byte. */
  readonly imapsPort: number;
  readonly pop3sPort: number;
  /** Logs in with LOGIN, USER and AUTH PLAIN, after TLS only. */
  readonly user: string;
  readonly password: string;
  log(): string;
  stop(): Promise<void>;
}

export interface MailServerOptions {
  /** Default: `pki.good`. */
  readonly identity?: Identity;
}

/** Starts Postfix; ready when both ports accept. */
export function startPostfix(pki: PkiPaths, { identity = pki.good }: MailServerOptions = {}): Promise<Postfix> {
  return withFreePorts(2, async (submissionPort = 0, smtpsPort = 0) => {
    const directory = publicDirectory('tcpx-postfix-');
    const at = (name: string) => join(directory, name);
    for (const name of ['config', 'queue', 'data']) mkdirSync(at(name), { mode: 0o755 });
    writeFileSync(at('config/main.cf'), mainCf(directory, identity, pki.ca));
    writeFileSync(at('config/master.cf'), masterCf(submissionPort, smtpsPort));
    writeFileSync(at('config/dynamicmaps.cf'), '');
    // The queue's directories and their owners, as an installation would make them.
    for (const name of queueDirectories) mkdirSync(at(`queue/${name}`), { recursive: true, mode: 0o700 });
    chmodSync(at('queue/pid'), 0o755);
    for (const name of ['public', 'maildrop']) chmodSync(at(`queue/${name}`), 0o730);
    const owned = queueDirectories.filter((name) => name !== 'pid').map((name) => at(`queue/${name}`));
    execFileSync('chown', ['postfix', at('data'), ...owned]);
    execFileSync('chgrp', ['postdrop', at('queue/public'), at('queue/maildrop')]);

    const { code, stdout, output } = await runProcess({
      command: 'postconf',
      args: ['-c', at('config'), '-h', 'daemon_directory'],
    });
    if (code !== 0) throw new Error(`postconf: ${output}`);
    const master = await startProcess({
      command: join(stdout.trim(), 'master'),
      args: ['-c', at('config'), '-d'],
      ready: { tcpPort: smtpsPort },
      env: { MAIL_CONFIG: at('config') },
    });
    const file = at('mail.log');
    const log = () => master.output() + (existsSync(file) ? readFileSync(file, 'latin1') : '');
    return { submissionPort, smtpsPort, log, stop: () => master.stop() };
  });
}

const queueDirectories = [
  ...['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'private', 'saved', 'trace'],
  ...['maildrop', 'public', 'pid'],
];

function mainCf(directory: string, { cert, key }: Identity, ca: string): string {
  return `
compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = localhost
mydomain = localdomain
myorigin = localhost
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = permit_mynetworks, reject
default_transport = discard:
relay_transport = discard:
local_transport = discard:
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtpd_tls_cert_file = ${cert}
smtpd_tls_key_file = ${key}
smtpd_tls_CAfile = ${ca}
smtpd_tls_security_level = may
smtpd_tls_session_cache_database =
smtpd_tls_loglevel = 1
tls_random_source = dev:/dev/urandom
maillog_file = ${directory}/mail.log
maillog_file_prefixes = ${directory}
`;
}

function masterCf(submissionPort: number, smtpsPort: number): string {
  return `
127.0.0.1:${submissionPort} inet n - n - - smtpd
127.0.0.1:${smtpsPort} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}

/** Starts Dovecot; ready when all four ports accept. */
export function startDovecot(pki: PkiPaths, { identity = pki.good }: MailServerOptions = {}): Promise<Dovecot> {
  return withFreePorts(4, async (imapPort = 0, pop3Port = 0, imapsPort = 0, pop3sPort = 0) => {
    const directory = publicDirectory('tcpx-dovecot-');
    const [user, password] = ['ann', 'secret'];
    for (const name of ['run', 'mail']) mkdirSync(join(directory, name), { mode: 0o755 });
    execFileSync('chown', ['mail:mail', join(directory, 'mail')]);
    const file = join(directory, 'dovecot.conf');
    writeFileSync(file, dovecotConf(directory, identity, { imapPort, pop3Port, imapsPort, pop3sPort }));
    writeFileSync(join(directory, 'users'), `${user}:{PLAIN}${password}\n`);
    const server: RunningProcess = await startProcess({
      command: 'dovecot',
      args: ['-F', '-c', file],
      ready: { tcpPort: pop3sPort },
    });
    const log = () => server.output();
    return { imapPort, pop3Port, imapsPort, pop3sPort, user, password, log, stop: () => server.stop() };
  });
}

type DovecotPorts = Readonly<Record<'imapPort' | 'pop3Port' | 'imapsPort' | 'pop3sPort', number>>;

function dovecotConf(directory: string, { cert, key }: Identity, ports: DovecotPorts): string {
  const login = (protocol: 'imap' | 'pop3', clear: number, tls: number) => `
service ${protocol}-login {
  chroot =
  inet_listener ${protocol} {
    address = 127.0.0.1
    port = ${clear}
  }
  inet_listener ${protocol}s {
    address = 127.0.0.1
    port = ${tls}
    ssl = yes
  }
}`;
  return `
base_dir = ${directory}/run
state_dir = ${directory}/run
log_path = /dev/stderr
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <${cert}
ssl_key = <${key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
auth_mechanisms = plain login
mail_location = maildir:${directory}/mail/%u
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
# Dovecot takes connections from the same address for local, and those for secured.
login_trusted_networks =
passdb {
  driver = passwd-file
  args = ${directory}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${directory}/mail/%u
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
${login('imap', ports.imapPort, ports.imapsPort)}
${login('pop3', ports.pop3Port, ports.pop3sPort)}
`;
}

/** A temporary directory that other users may enter, as the servers' unprivileged parts do. */
function publicDirectory(prefix: string): string {
  const directory = tempDir(prefix);
  chmodSync(directory, 0o755);
  return directory;
}
