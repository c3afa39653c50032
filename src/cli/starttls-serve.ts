/** `tcpx starttls --serve`: a server to try clients against, until it is told to leave. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import { ChannelError } from '../starttls/channel.ts';
import type { Attack } from '../starttls/dialect.ts';
import { type StarttlsServer, serveStarttls } from '../starttls/server.ts';
import type { ServerEvent } from '../starttls/server-events.ts';
import { type ServerOptions, serverSettings } from '../starttls/server-options.ts';
import { type Scheme, schemeNamed, withMode } from '../starttls/target.ts';
import { EXIT, type Output } from './exit.ts';
import { loadEngineFor } from './starttls-engine.ts';
import { attackList, serveHelp } from './starttls-serve-help.ts';
import { parseServeOptions, type ServeCommand } from './starttls-serve-options.ts';
import { ProgramError, programSession } from './starttls-serve-program.ts';
import { ServeReport } from './starttls-serve-report.ts';

/** @throws UsageError, EngineError, which become exit statuses in one place */
export async function serve(args: readonly string[], output: Output): Promise<number> {
  const command = parseServeOptions(args);
  if (command === null) {
    output.out(serveHelp());
    return EXIT.ok;
  }
  const scheme = withMode(schemeNamed(command.protocol), command.direct ? 'direct' : undefined);
  if (command.attacks === 'list') {
    output.out(attackList(scheme));
    return EXIT.ok;
  }
  const report = new ServeReport(scheme, attacksOf(command.attacks, command.drip), {
    json: command.json,
    echo: command.echo,
    out: output.out,
  });
  const observer = (event: ServerEvent) => {
    report.note(event);
    if (event.kind === 'ended') tellOfBug(event.end.error, output);
  };
  try {
    const options: ServerOptions = { ...serverOptions(command, scheme), attack: command.attacks, observer };
    // What can be told without opening a file comes first.
    serverSettings(options);
    await loadEngineFor(command.engine, command.tls);
    const server = await serveStarttls(options);
    await untilItEnds(server, command.portFile, () => report.listening(server));
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    output.err(`tcpx starttls: cannot serve on port ${command.port}: ${error.message}\n`);
    return EXIT.failed;
  }
  report.stopped();
  return EXIT.ok;
}

function attacksOf(asked: readonly Attack[], drip: number | null): readonly string[] {
  return drip === null || asked.includes('drip') ? asked : [...asked, 'drip'];
}

function serverOptions(command: ServeCommand, { dialect, mode }: Scheme): ServerOptions {
  const { protocol, port, tls, injected, bind, name, drip, timeout, connections, jobs, exec, engine } = command;
  return {
    protocol,
    direct: mode === 'direct',
    port,
    tls,
    injected,
    ...(bind === null ? {} : { bind }),
    ...(name === null ? {} : { name }),
    ...(drip === null ? {} : { drip }),
    ...(timeout === null ? {} : { timeout }),
    ...(connections === null ? {} : { connections }),
    ...(jobs === null ? {} : { concurrency: jobs }),
    ...(engine === null ? {} : { engine }),
    ...(exec === null ? {} : { session: programSession(exec, dialect.name) }),
  };
}

/** A signal ends the server, and a second one the process. */
async function untilItEnds(server: StarttlsServer, portFile: string | null, listening: () => void): Promise<void> {
  const stop = () => {
    // Whatever comes of it, `ended` tells.
    server.close().catch(() => {});
  };
  const forgetPort = () => {
    if (portFile !== null) rmSync(portFile, { force: true });
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // Nobody to tell ends the process at once.
  process.once('exit', forgetPort);
  try {
    try {
      if (portFile !== null) writePort(portFile, server.port);
      listening();
    } catch (error) {
      await server.close();
      throw error;
    }
    await server.ended;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    process.off('exit', forgetPort);
    forgetPort();
  }
}

/** Whoever sees the file sees all of it. @throws UsageError when it cannot be written */
function writePort(file: string, port: number): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${port}\n`);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new UsageError(`--port-file ${file} cannot be written: ${reasonOf(error)}`, { cause: error });
  }
}

/** A connection that failed through nobody's doing but ours. */
function tellOfBug(error: unknown, output: Output): void {
  if (error === undefined || error instanceof ProgramError) return;
  output.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
