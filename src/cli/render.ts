/** Reports as text for people. */
import { bufferLines, escapeText } from './buffer-text.ts';
import type { CallReport, InfoReport, NamedSocket, PrintReport, Report, SocketsReport } from './report.ts';
import { tlsLine, verifyText } from './tls-line.ts';

export interface RenderOptions {
  /** Long buffers as a whole. */
  readonly full: boolean;
  /** Each answer starts with its line; not at the prompt, where it stands above. */
  readonly echo: boolean;
}

const ECHO_WIDTH = 42;
const MARGIN = '       ';

/** Text with a line end behind each line. */
export function renderText(report: Report, options: RenderOptions): string {
  switch (report.kind) {
    case 'call':
      return callText(report, options);
    case 'info':
      return infoText(report);
    case 'sockets':
      return socketsText(report);
    case 'print':
      return printText(report, options.full);
    case 'help':
      return report.text;
  }
}

/** `   3 READ                       STATUS 24  sockport 1  0.41 ms`, then what was received or why it failed. */
function callText(report: CallReport, { full, echo }: RenderOptions): string {
  const { statement, status, sockport, received, wanted, text, ms, tls, failed } = report;
  const partly = wanted !== null && status >= 0 && status < wanted ? ` of ${wanted}` : '';
  const answer = [
    `STATUS ${status}${partly}`,
    ...(sockport === null ? [] : [`sockport ${sockport}`]),
    `${ms.toFixed(2)} ms`,
    ...(text !== '' && !failed ? [`(${text})`] : []),
  ].join('  ');
  const margin = echo ? MARGIN : '  ';
  const lines = [echo ? `${echoed(statement.origin.line, statement.text)}  ${answer}` : answer];
  if (failed) lines.push(`${margin}${escapeText(text)}${statement.mayFail ? ' (allowed)' : ''}`);
  if (tls !== null) lines.push(`${margin}${tlsLine(tls)}`);
  if (received !== null) for (const line of bufferLines(received, full)) lines.push(`${margin}< ${line}`);
  return `${lines.join('\n')}\n`;
}

function echoed(line: number, text: string): string {
  const safe = text.replace(/\p{Cc}/gu, ' ');
  const short = safe.length > ECHO_WIDTH ? `${safe.slice(0, ECHO_WIDTH - 3)}...` : safe;
  return `${String(line).padStart(4)} ${short.padEnd(ECHO_WIDTH)}`;
}

function infoText({ socket }: InfoReport): string {
  const { facts } = socket;
  const { tls } = facts;
  const rows: [string, string][] = [
    ['state', [facts.kind, facts.state, facts.role, facts.blocking ? 'blocking' : 'non-blocking'].join(', ')],
    ['engine', facts.engine],
    ['local', addressText(facts.local)],
    ['remote', addressText(facts.remote)],
  ];
  if (tls !== null) {
    rows.push(
      ['version', tls.version],
      ['suite', tls.suite],
      ['group', tls.group ?? 'not told by the library'],
      ['ALPN', tls.alpn ?? 'none'],
      ['SNI', tls.servername ?? 'none'],
      ['resumed', tls.resumed ? 'yes' : 'no'],
      ['verify', verifyText(tls)],
    );
    if (tls.peer === null) rows.push(['peer', 'no certificate']);
    else {
      rows.push(
        ['subject', tls.peer.subject],
        ['issuer', tls.peer.issuer],
        ['names', tls.peer.names],
        ['valid', `${tls.peer.validFrom} to ${tls.peer.validTo}`],
        ['SHA-256', tls.peer.fingerprint256],
      );
    }
  }
  const title = `socket ${facts.number}${namesText(socket)}`;
  return `${title}\n${rows.map(([name, value]) => `  ${name.padEnd(8)} ${escapeText(value)}\n`).join('')}`;
}

function socketsText({ sockets }: SocketsReport): string {
  if (sockets.length === 0) return 'no open sockets\n';
  const lines = sockets.map((socket) => {
    const { facts, current } = socket;
    const where = facts.kind === 'listener' ? `on ${addressText(facts.local)}` : addressText(facts.remote);
    return `${current ? '*' : ' '} ${facts.number}${namesText(socket)}  ${facts.kind} ${facts.state}  ${where}\n`;
  });
  return lines.join('');
}

function namesText({ names }: NamedSocket): string {
  return names.length === 0 ? '' : ` (${names.join(', ')})`;
}

function addressText({ host, port }: { host: string; port: number }): string {
  return host === '' ? 'unknown' : host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function printText({ values }: PrintReport, full: boolean): string {
  return values
    .map(({ label, value }) => {
      if (typeof value === 'number') return `${label} = ${value}\n`;
      const lines = bufferLines(value, full);
      return lines.length > 1
        ? `${label} =\n${lines.map((line) => `  ${line}\n`).join('')}`
        : `${label} = ${lines[0] ?? ''}\n`;
    })
    .join('');
}
