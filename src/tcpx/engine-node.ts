/** The engine `node`: node:net and node:tls. */
import { nodeEngine } from '../net/node-engine.ts';
import { provideEngine } from './engines.ts';

provideEngine({
  engine: nodeEngine,
  versions: () => `Node.js ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
  waiter: null,
});
