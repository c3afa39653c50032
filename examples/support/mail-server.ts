/** An SMTP server in a worker thread, with a throw-away certificate, that hands over what it was given. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { throwAwayCertificate } from './certificate.js';

export interface ServerOptions {
  /** Who may log in, and has to. */
  readonly account?: { readonly username: string; readonly password: string };
  /** Recipients that it refuses. */
  readonly unknown?: readonly string[];
}

export interface Delivered {
  readonly message: string;
  readonly from: string;
  readonly recipients: readonly string[];
  readonly secure: boolean;
  readonly user: string | null;
}

export interface MailServer {
  readonly port: number;
  /** PEM; to be trusted by giving it as `tls.ca`. */
  readonly certificate: string;
  /** Ends the server; resolves to all that it has taken. */
  close(): Promise<readonly Delivered[]>;
}

export async function startMailServer(options: ServerOptions = {}): Promise<MailServer> {
  const certificate = await throwAwayCertificate();
  const worker = new Worker(new URL('./smtp-server.js', import.meta.url), {
    workerData: { ...certificate, ...options },
  });
  const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
  const delivered: Delivered[] = [];
  worker.on('message', (mail: Delivered) => delivered.push(mail));
  return {
    port,
    certificate: certificate.cert,
    async close() {
      worker.postMessage('close');
      await once(worker, 'exit');
      return delivered;
    },
  };
}
