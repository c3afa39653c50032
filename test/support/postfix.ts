// Postfix, started from a directory of its own on ports of 127.0.0.1 and ended by process id. No system service,
// configuration or queue is touched. Needs root, to run its parts as other users.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, type DovecotAuth, type Mechanism, startDovecotAuth } from './dovecot.ts';
import { type MailDirectory, mailDirectory } from './mail-directory.ts';
import { publicDirectory, type RunningProcess, runProcess, startProcess, withFreePort, withFreePorts } from './peer.ts';
import type { Identity, PkiPaths } from './pki.ts';

export interface Postfix {
  /** SMTP with STARTTLS. */
  readonly submissionPort: number;
  /** SMTP under TLS from the first byte. */
  readonly smtpsPort: number;
  /** Who may log in, with the option `sasl`. */
  readonly account: Account | undefined;
  /** What was delivered to one of the option `mailboxes`. */
  mailbox(address: string): MailDirectory;
  /** What Postfix has logged. */
  log(): string;
  stop(): Promise<void>;
}

export interface PostfixOptions {
  /** Default: `pki.good`. */
  readonly identity?: Identity;
  /** Has mail wait for STARTTLS, with 530 (RFC 3207 §4). Default: false. */
  readonly requireTls?: boolean;
  /** Has mail wait for AUTH; a Dovecot answers for the passwords. Default: no AUTH is offered, none is needed. */
  readonly sasl?: SaslOptions;
  /**
   * Addresses whose mail is kept. Everybody else in their domains is refused with 550 5.1.1. Mail to other domains
   * is taken and dropped.
   */
  readonly mailboxes?: readonly string[];
  /** What RCPT TO answers for an address, as access(5) has it: `450 4.2.1 come back later`. */
  readonly replies?: Readonly<Record<string, string>>;
  /** Largest message in bytes, 0 for any; it is what SIZE announces. Default: 10 240 000, as Postfix comes. */
  readonly messageSizeLimit?: number;
  /** Further lines of main.cf (postconf(5)), which win. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface SaslOptions {
  /** Default: PLAIN and LOGIN. */
  readonly mechanisms?: readonly Mechanism[];
  /** Offers AUTH without TLS, too. Default: false. */
  readonly inClear?: boolean;
}

/** Starts Postfix; ready when both ports accept. */
export async function startPostfix(pki: PkiPaths, options: PostfixOptions = {}): Promise<Postfix> {
  const auth = options.sasl && (await startDovecotAuth(options.sasl.mechanisms ?? ['PLAIN', 'LOGIN']));
  try {
    return await withFreePorts(2, (submissionPort = 0, smtpsPort = 0) =>
      start(pki, options, auth, submissionPort, smtpsPort),
    );
  } catch (error) {
    await auth?.stop();
    throw error;
  }
}

async function start(
  pki: PkiPaths,
  options: PostfixOptions,
  auth: DovecotAuth | undefined,
  submissionPort: number,
  smtpsPort: number,
): Promise<Postfix> {
  const directory = publicDirectory('tcpx-postfix-');
  const at = (name: string) => join(directory, name);
  for (const name of ['config', 'queue', 'data', 'mail']) mkdirSync(at(name), { mode: 0o755 });
  const settings = { ...mainCf(directory, pki, options, auth), ...options.settings };
  const files = {
    'main.cf': lines(settings, ' = '),
    'master.cf': masterCf(submissionPort, smtpsPort),
    'dynamicmaps.cf': '',
    mailboxes: lines(Object.fromEntries(mailboxPaths(options)), ' '),
    replies: lines(options.replies ?? {}, ' '),
  };
  for (const [name, text] of Object.entries(files)) writeAged(at(`config/${name}`), text);
  // The queue's directories and their owners, as an installation would make them.
  for (const name of queueDirectories) mkdirSync(at(`queue/${name}`), { recursive: true, mode: 0o700 });
  chmodSync(at('queue/pid'), 0o755);
  for (const name of ['public', 'maildrop']) chmodSync(at(`queue/${name}`), 0o730);
  const owned = queueDirectories.filter((name) => name !== 'pid').map((name) => at(`queue/${name}`));
  execFileSync('chown', ['postfix', at('data'), ...owned]);
  execFileSync('chgrp', ['postdrop', at('queue/public'), at('queue/maildrop')]);
  execFileSync('chown', ['mail:mail', at('mail')]);

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
  const log = () => master.output() + (existsSync(file) ? readFileSync(file, 'latin1') : '') + (auth?.log() ?? '');
  return {
    submissionPort,
    smtpsPort,
    account: auth,
    mailbox(address) {
      const path = new Map(mailboxPaths(options)).get(address);
      if (path === undefined) throw new Error(`${address} is none of the mailboxes`);
      return mailDirectory(join(directory, 'mail', path), log);
    },
    log,
    async stop() {
      await Promise.all([master.stop(), auth?.stop()]);
    },
  };
}

/** Postfix lets a file that has just changed cool down for a second before it trusts it. */
function writeAged(file: string, text: string): void {
  writeFileSync(file, text);
  const minuteAgo = Date.now() / 1000 - 60;
  utimesSync(file, minuteAgo, minuteAgo);
}

const queueDirectories = [
  ...['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'private', 'saved', 'trace'],
  ...['maildrop', 'public', 'pid'],
];

/** The maildir of each mailbox below the directory for mail; a slash at the end makes it a maildir (virtual(8)). */
function mailboxPaths({ mailboxes = [] }: PostfixOptions): [string, string][] {
  return mailboxes.map((address, index) => [address, `${index}/`]);
}

function lines(settings: Readonly<Record<string, string | number>>, separator: string): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}${separator}${value}\n`)
    .join('');
}

function mainCf(directory: string, pki: PkiPaths, options: PostfixOptions, auth: DovecotAuth | undefined) {
  const { identity = pki.good, requireTls = false, mailboxes = [], messageSizeLimit = 10_240_000 } = options;
  const domains = new Set(mailboxes.map((address) => address.slice(address.lastIndexOf('@') + 1)));
  const permitted = auth === undefined ? 'permit_mynetworks, reject' : 'permit_sasl_authenticated, reject';
  const [uid, gid] = ['-u', '-g'].map((flag) => execFileSync('id', [flag, 'mail'], { encoding: 'latin1' }).trim());
  return {
    compatibility_level: '3.6',
    queue_directory: `${directory}/queue`,
    data_directory: `${directory}/data`,
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    myhostname: 'localhost',
    mydomain: 'localdomain',
    myorigin: 'localhost',
    mydestination: '',
    local_recipient_maps: '',
    alias_maps: '',
    alias_database: '',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    mynetworks: '127.0.0.0/8',
    smtpd_relay_restrictions: permitted,
    smtpd_recipient_restrictions: `check_recipient_access texthash:${directory}/config/replies, ${permitted}`,
    // Headers stay as they are, none is added.
    local_header_rewrite_clients: '',
    default_transport: 'discard:',
    relay_transport: 'discard:',
    local_transport: 'discard:',
    virtual_mailbox_domains: [...domains].join(' '),
    virtual_mailbox_maps: `texthash:${directory}/config/mailboxes`,
    virtual_mailbox_base: `${directory}/mail`,
    virtual_mailbox_limit: 0,
    virtual_minimum_uid: 1,
    virtual_uid_maps: `static:${uid}`,
    virtual_gid_maps: `static:${gid}`,
    message_size_limit: messageSizeLimit,
    // No pause before an error is answered.
    smtpd_error_sleep_time: '0',
    smtpd_peername_lookup: 'no',
    disable_dns_lookups: 'yes',
    smtpd_tls_cert_file: identity.cert,
    smtpd_tls_key_file: identity.key,
    smtpd_tls_CAfile: pki.ca,
    smtpd_tls_security_level: requireTls ? 'encrypt' : 'may',
    smtpd_tls_session_cache_database: '',
    smtpd_tls_loglevel: 1,
    ...(auth === undefined
      ? {}
      : {
          smtpd_sasl_auth_enable: 'yes',
          smtpd_sasl_type: 'dovecot',
          smtpd_sasl_path: auth.socket,
          smtpd_sasl_security_options: 'noanonymous',
          smtpd_tls_auth_only: options.sasl?.inClear === true ? 'no' : 'yes',
        }),
    tls_random_source: 'dev:/dev/urandom',
    maillog_file: `${directory}/mail.log`,
    maillog_file_prefixes: directory,
  };
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
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}

export interface SmtpSink {
  readonly port: number;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

export interface SmtpSinkOptions {
  /** Further options (smtp-sink(1)), such as `-8` for no 8BITMIME, `-f RCPT` or `-D 'name.'` for what goes wrong. */
  readonly args?: readonly string[];
  /** Length of the queue of connections that wait. Default: 128. */
  readonly backlog?: number;
}

/** Starts `smtp-sink`, which takes mail without TLS and drops it as fast as it can; ready when it accepts. */
export function startSmtpSink({ args = [], backlog = 128 }: SmtpSinkOptions = {}): Promise<SmtpSink> {
  return withFreePort(async (port) => {
    const sink = await startProcess({
      command: 'smtp-sink',
      args: [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), ...args, `127.0.0.1:${port}`, `${backlog}`],
      ready: { tcpPort: port },
      outputToFile: true,
    });
    return { port, process: sink, stop: () => sink.stop() };
  });
}
