// A server of one dialect for one connection, in a process of its own: `node serving-process-child.js '{...}'`. It prints
// the port, then what came of the connection, as JSON. Runs from what was built, because workers do.
import {
  TCPOP_ACCEPT,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from '../../ashell.def.ts';
import { Deadline } from '../../src/core/deadline.ts';
import type { Op } from '../../src/core/op.ts';
import { runAsync, runSync, sleeper } from '../../src/core/run.ts';
import { dialectNamed } from '../../src/starttls/dialects.ts';
import { serveOp } from '../../src/starttls/serve.ts';
import { Wire } from '../../src/starttls/wire.ts';
import { XcallChannel } from '../../src/starttls/xcall-channel.ts';
import { XcallDataPorts } from '../../src/starttls/xcall-data-ports.ts';
import { type Caller, createJob, F, type NumberVariable } from '../../src/tcpx/index.ts';
import type { ServedConnection, ServerSettings } from './serving-process.ts';

/** How long a client may take in all, in ms. */
const LIMIT = 20_000;

function* acceptOp(caller: Caller, sock: NumberVariable, flags: number): Op<void> {
  const { status, text } = yield* caller.xcallOp('TCPX', TCPOP_ACCEPT, F(), '', sock, flags, LIMIT);
  if (status !== 0) throw new Error(`ACCEPT: ${status} ${text}`);
}

function* mainOp({ engine, mode, protocol, direct, cert, key }: ServerSettings): Op<ServedConnection> {
  const dialect = dialectNamed(protocol);
  const alpn = dialect.alpn === null ? [] : [dialect.alpn];
  const job = createJob({ engine, bind: '127.0.0.1', tls: { cert, key, alpn } });
  const caller = job.caller(mode);
  const sock = F(0);
  yield* acceptOp(caller, sock, TCPXFLG_LISTEN);
  process.stdout.write(`${JSON.stringify({ port: job.socket(sock.value).local.port })}\n`);
  const flags = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + TCPXFLG_TLS + (direct ? 0 : TCPXFLG_STARTTLS);
  yield* acceptOp(caller, sock, flags);
  const channel = new XcallChannel(caller, sock.value);
  const wire = new Wire(channel, { until: Deadline.after(LIMIT), role: 'server' });
  const ports = new XcallDataPorts(caller, sock.value);
  const { tls, commandsInClear, commandsInTls } = yield* serveOp(dialect, wire, {
    host: 'localhost',
    ports,
  });
  yield* channel.closeOp();
  job.close();
  return { version: tls?.version ?? null, commandsInClear, commandsInTls };
}

const settings = JSON.parse(process.argv[2] ?? '') as ServerSettings;
const served = settings.mode === 'sync' ? runSync(mainOp(settings), sleeper) : await runAsync(mainOp(settings));
process.stdout.write(`${JSON.stringify(served)}\n`);
