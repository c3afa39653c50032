/** Reports as JSON, one line each. Bytes are Latin-1 strings: one character, one byte. */
import { decodeLatin1 } from '../core/bytes.ts';
import type { PeerCertificate, TlsInfo } from '../tls/info.ts';
import { describeStaple } from '../tls/ocsp.ts';
import type { CallReport, NamedSocket, Report } from './report.ts';

export function renderJson(report: Report): string {
  return `${JSON.stringify(jsonOf(report))}\n`;
}

function jsonOf(report: Report): object {
  const { line } = report.statement.origin;
  switch (report.kind) {
    case 'call':
      return callJson(report, line);
    case 'info':
      return { line, opcode: 'INFO', socket: socketJson(report.socket) };
    case 'sockets':
      return { line, opcode: 'SOCKETS', sockets: report.sockets.map(socketJson) };
    case 'print': {
      const values = report.values.map(({ label, value }) => [
        label.toLowerCase(),
        typeof value === 'number' ? value : decodeLatin1(value),
      ]);
      return { line, opcode: 'PRINT', values: Object.fromEntries(values) };
    }
    case 'help':
      return { line, opcode: 'HELP', text: report.text };
  }
}

function callJson(report: CallReport, line: number): object {
  const { routine, opcode, status, sockport, received, wanted, text, ms, tls, failed, statement } = report;
  const moved =
    received !== null && opcode !== 'ERRMSG' ? received.length : wanted === null ? null : Math.max(0, status);
  return {
    line,
    ...(routine === 'TCPX' ? {} : { routine }),
    opcode,
    status,
    sockport,
    buffer: received === null ? null : decodeLatin1(received),
    ...(moved === null ? {} : { bytes: moved }),
    ...(text === '' ? {} : { text }),
    ms: Math.round(ms * 1000) / 1000,
    ...(tls === null ? {} : { tls: tlsJson(tls) }),
    ...(failed ? { failed, allowed: statement.mayFail } : {}),
  };
}

function socketJson({ facts, names, current }: NamedSocket): object {
  return { ...facts, names, current, tls: facts.tls === null ? null : tlsJson(facts.tls) };
}

function tlsJson(tls: TlsInfo): object {
  return {
    ...tls,
    ocsp: tls.ocsp === null ? null : describeStaple(tls.ocsp),
    peer: tls.peer === null ? null : peerJson(tls.peer),
  };
}

/** Without the chain, which is long and in DER. */
function peerJson({ chain: _der, ...peer }: PeerCertificate): object {
  return peer;
}
