// The command line tools of GnuTLS and OpenSSL as peers, on both sides.

import { type Exit, type RunningProcess, runProcess, startProcess, withFreePort } from './peer.ts';
import type { Identity, PkiPaths } from './pki.ts';

export interface TlsServer {
  readonly port: number;
  /** Its output, to look up what it says about the connection. */
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

export interface GnutlsServOptions {
  readonly pki: PkiPaths;
  /** Default: a free one. */
  readonly port?: number;
  /** Default: `pki.good`. Several: the client's server name and algorithms decide. */
  readonly identity?: Identity;
  /** Default `echo`: sends every line back. `http`: one page per request. */
  readonly mode?: 'echo' | 'http';
  readonly priority?: string;
  /** Default: none is asked for. `required`: valid, too. */
  readonly clientCert?: 'required' | 'optional';
  readonly args?: readonly string[];
}

/** `gnutls-serv`. It listens on every interface, it has no option for one. */
export function startGnutlsServ(options: GnutlsServOptions): Promise<TlsServer> {
  const { pki, identity = pki.good, mode = 'echo', priority, clientCert, args = [] } = options;
  return serve(options.port, LISTENS_ON_BOTH, 'gnutls-serv', (port) => [
    `--${mode}`,
    `--port=${port}`,
    `--x509cafile=${pki.ca}`,
    `--x509certfile=${identity.cert}`,
    `--x509keyfile=${identity.key}`,
    ...(priority === undefined ? [] : [`--priority=${priority}`]),
    ...(clientCert === undefined ? ['--disable-client-cert'] : ['--verify-client-cert']),
    ...(clientCert === 'required' ? ['--require-client-cert'] : []),
    ...args,
  ]);
}

export interface OpensslServerOptions {
  readonly pki: PkiPaths;
  readonly port?: number;
  readonly identity?: Identity;
  /**
   * Default `rev`: sends every line back reversed, and needs no console. `www`: one status page per request.
   * `console`: what is written to `process` goes to the client, what the client sends is in its output.
   */
  readonly mode?: 'rev' | 'www' | 'console';
  readonly version?: '1.2' | '1.3';
  readonly clientCert?: 'required' | 'optional';
  readonly args?: readonly string[];
}

/** `openssl s_server` on 127.0.0.1. */
export function startOpensslServer(options: OpensslServerOptions): Promise<TlsServer> {
  const { pki, identity = pki.good, mode = 'rev', version, clientCert, args = [] } = options;
  return serve(options.port, /ACCEPT/, 'openssl', (port) => [
    's_server',
    ...['-accept', `127.0.0.1:${port}`],
    ...['-cert', identity.cert, '-key', identity.key, '-CAfile', pki.ca],
    // -cert takes the leaf only, what follows must be named again.
    ...(identity.cert === pki.chained.cert ? ['-cert_chain', pki.intermediate] : []),
    ...(mode === 'console' ? [] : [`-${mode}`]),
    ...(version === undefined ? [] : [`-tls${version.replace('.', '_')}`]),
    ...(clientCert === undefined ? [] : [clientCert === 'required' ? '-Verify' : '-verify', '3']),
    ...(clientCert === 'required' ? ['-verify_return_error'] : []),
    ...args,
  ]);
}

/** gnutls-serv opens a socket for each family, one after the other; where there is no IPv6 it says so. */
const LISTENS_ON_BOTH = /Server listening on IPv4 [^\n]*done[\s\S]*(?:IPv6 [^\n]*done|IPv6[^\n]*(?:fail|not|error))/i;

async function serve(
  port: number | undefined,
  ready: RegExp,
  command: string,
  args: (port: number) => string[],
): Promise<TlsServer> {
  const start = async (at: number): Promise<TlsServer> => {
    const process = await startProcess({ command, args: args(at), ready, outputToFile: true });
    return { port: at, process, stop: () => process.stop() };
  };
  return port === undefined ? withFreePort(start) : start(port);
}

export interface ClientOptions {
  readonly port: number;
  readonly args?: readonly string[];
  /** Sent once connected. The client stays until the server has closed, or `until` was seen. */
  readonly input?: string | Uint8Array;
  /** Ends the client's input once its output matches. Without it the input ends at once. */
  readonly until?: RegExp;
  /** Milliseconds, default 15 000. */
  readonly deadline?: number;
}

export interface ClientResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
  readonly output: string;
}

/** `gnutls-cli`, verifying against `pki.ca` and the name localhost unless `args` say otherwise. */
export function runGnutlsCli(options: ClientOptions & { readonly pki: PkiPaths }): Promise<ClientResult> {
  const { pki, port, args = [] } = options;
  const own = [`--port=${port}`, `--x509cafile=${pki.ca}`, '--verify-hostname=localhost', '--sni-hostname=localhost'];
  return runClient('gnutls-cli', [...own, ...args, '127.0.0.1'], options);
}

/** `openssl s_client`, verifying against `pki.ca` and the name localhost unless `args` say otherwise. */
export function runOpensslClient(options: ClientOptions & { readonly pki: PkiPaths }): Promise<ClientResult> {
  const { pki, port, args = [] } = options;
  const verify = [
    '-CAfile',
    pki.ca,
    '-verify_return_error',
    '-verify_hostname',
    'localhost',
    '-servername',
    'localhost',
  ];
  return runClient('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...verify, ...args], options);
}

async function runClient(command: string, args: readonly string[], options: ClientOptions): Promise<ClientResult> {
  const { input = '', until, deadline } = options;
  const time = deadline === undefined ? {} : { deadline };
  if (until === undefined) return runProcess({ command, args, input, ...time });
  const client = await startProcess({ command, args });
  client.write(input);
  // A client that ends early says why in its output, which the caller gets in any case.
  await client.waitFor(until, deadline).catch(() => {});
  client.endInput();
  const exit = await client.finished(deadline);
  return { ...exit, stdout: client.stdout(), stderr: client.stderr(), output: client.output() };
}
