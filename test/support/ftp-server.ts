// vsftpd. Needs root, to run its parts as other users.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, withFreePort } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { giveTo, type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface FtpServer extends Server {
  /** With AUTH TLS, or TLS from the first byte under the option `implicit`. */
  readonly port: number;
  /** May log in, read, and write into the directory `incoming`. */
  readonly user: string;
  readonly password: string;
  /** What clients see as `/`. */
  readonly directory: string;
  /** A file there. */
  readonly file: { readonly name: string; readonly content: Buffer };
}

export interface FtpServerOptions extends ServerOptions {
  /** TLS from the first byte, as on port 990. Default: false. */
  readonly implicit?: boolean;
}

/**
 * Starts vsftpd; ready when it accepts. A data connection under TLS has to resume the session of its control
 * connection, as vsftpd comes: 522 otherwise. Without `tls` AUTH is answered by 530 like any command before a login. With `requireTls` logins and data in clear are refused, with 530 and 522.
 *
 * Real users would have to pass PAM. The one user is anonymous, with vsftpd's list of accepted passwords.
 */
export function startFtpServer(pki: PkiPaths, options: FtpServerOptions = {}): Promise<FtpServer> {
  const { identity = pki.good, tls = true, requireTls = false, implicit = false } = options;
  return withFreePort(async (port) => {
    const home = serverDirectory('tcpx-vsftpd-', ['empty', 'files/incoming']);
    const at = (name: string) => join(home, name);
    const [user, password] = ['anonymous', 'secret'];
    const file = { name: 'data.bin', content: randomBytes(300_000) };
    giveTo('ftp', at('files/incoming'));
    writeFileSync(at('files/data.bin'), file.content, { mode: 0o644 });
    writeFileSync(at('passwords'), `${password}\n`);
    const yes = (on: boolean) => (on ? 'YES' : 'NO');
    const settings = {
      listen: 'YES',
      listen_address: '127.0.0.1',
      listen_port: port,
      background: 'NO',
      pasv_address: '127.0.0.1',
      anonymous_enable: 'YES',
      secure_email_list_enable: 'YES',
      email_password_file: at('passwords'),
      anon_root: at('files'),
      write_enable: 'YES',
      anon_upload_enable: 'YES',
      secure_chroot_dir: at('empty'),
      ssl_enable: yes(tls),
      allow_anon_ssl: yes(tls),
      implicit_ssl: yes(implicit),
      force_anon_logins_ssl: yes(requireTls),
      force_anon_data_ssl: yes(requireTls),
      ssl_ciphers: 'HIGH',
      rsa_cert_file: identity.cert,
      rsa_private_key_file: identity.key,
      debug_ssl: yes(tls),
      xferlog_enable: 'YES',
      log_ftp_protocol: 'YES',
      vsftpd_log_file: at('log'),
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(at('vsftpd.conf'), lines.join(''));
    const server = await startProcess({
      // It writes what is wrong with its configuration to standard input.
      command: 'sh',
      args: ['-c', 'exec vsftpd "$0" 0>&1', at('vsftpd.conf')],
      ready: { tcpPort: port },
    });
    const log = () => server.output() + (existsSync(at('log')) ? readFileSync(at('log'), 'latin1') : '');
    return { port, user, password, directory: at('files'), file, log, stop: () => server.stop() };
  });
}
