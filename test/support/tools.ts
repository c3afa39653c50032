// The programs that interop tests need, where they are, and what happens when they are missing.

import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * The tools of the interop tests and the Debian packages that hold them; all of them come with
 * scripts/interop/install.sh. `root` is not installed but become.
 */
export const tools = {
  openssl: 'openssl',
  'gnutls-serv': 'gnutls-bin',
  'gnutls-cli': 'gnutls-bin',
  certtool: 'gnutls-bin',
  curl: 'curl',
  swaks: 'swaks libnet-ssleay-perl',
  msmtp: 'msmtp',
  postfix: 'postfix',
  'smtp-sink': 'postfix',
  dovecot: 'dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved',
  slapd: 'slapd',
  ldapsearch: 'ldap-utils',
  postgres: 'postgresql',
  psql: 'postgresql-client',
  mariadbd: 'mariadb-server-core',
  mariadb: 'mariadb-client-core',
  prosody: 'prosody',
  vsftpd: 'vsftpd',
  nnrpd: 'inn2',
  inspircd: 'inspircd',
  cupsd: 'cups-daemon',
  ipptool: 'cups-ipp-utils',
  kermit: 'ckermit',
  root: '',
} as const;

export type Tool = keyof typeof tools;

/** What must be there besides the program of the tool's name. */
const parts: Partial<Record<Tool, readonly string[]>> = {
  dovecot: ['imap', 'pop3', 'lmtp', 'managesieve'],
  postgres: ['initdb'],
  mariadbd: ['mariadb-install-db'],
  slapd: ['slapadd'],
  nnrpd: ['makehistory'],
};

/** Directories of system daemons are searched too: a user's PATH often lacks them, and some are in no PATH at all. */
const searchPath = [
  ...(process.env.PATH ?? '').split(delimiter),
  ...['/usr/sbin', '/sbin', '/usr/local/sbin'],
  ...['/usr/lib/dovecot', '/usr/libexec/dovecot', '/usr/lib/news/bin'],
  ...versions('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`),
];

/** Debian keeps several versions of PostgreSQL side by side: the newest first. */
function versions(directory: string): string[] {
  try {
    return readdirSync(directory).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}

/** True when interop must not be skipped, as in CI. */
export const interopRequired: boolean = process.env.TCPX_INTEROP === 'required';

/** Absolute path of a program, if there is one. */
export function toolPath(name: string): string | undefined {
  if (name.includes('/')) return name;
  for (const directory of searchPath) {
    const path = join(directory || '.', name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next directory.
    }
  }
  return undefined;
}

/**
 * Whether a program is installed. When it is not, says which package has it; with TCPX_INTEROP=required
 * that is an error.
 */
export function requireTool(name: string, debianPackage: string): boolean {
  if (toolPath(name) !== undefined) return true;
  const message = `${name} not found, apt-get install ${debianPackage}`;
  if (interopRequired) throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

/**
 * A `describe` that needs tools. Where one is missing the suite is skipped, loudly; with TCPX_INTEROP=required
 * it fails instead.
 */
export function interop(name: string, needed: readonly Tool[], suite: () => void): void {
  const reason = needed.map(lack).find((text) => text !== undefined);
  if (reason === undefined) {
    describe(name, suite);
    return;
  }
  if (interopRequired) {
    describe(name, () => {
      it('has its tools', () => expect.unreachable(reason));
    });
    return;
  }
  process.stderr.write(`SKIPPED interop "${name}": ${reason}\n`);
  describe.skip(`${name} (${reason})`, suite);
}

function lack(tool: Tool): string | undefined {
  if (tool === 'root') return process.getuid?.() === 0 ? undefined : 'must run as root';
  const missing = [tool, ...(parts[tool] ?? [])].find((program) => toolPath(program) === undefined);
  return missing === undefined ? undefined : `${missing} not found, apt-get install ${tools[tool]}`;
}
