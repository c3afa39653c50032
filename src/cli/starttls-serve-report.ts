/** What a server has to tell, as lines for people or as JSON. */
import { harmless, harmlessJson } from '../core/harmless.ts';
import type { StarttlsServer } from '../starttls/server.ts';
import type { ConnectionEnd, ServerEvent, ServiceOutcome } from '../starttls/server-events.ts';
import type { Scheme } from '../starttls/target.ts';
import type { Exchange } from '../starttls/wire.ts';
import { escapeText } from './buffer-text.ts';
import { ExchangeSecrets, type Shown } from './exchange-secrets.ts';
import { exchangeLines } from './ladder.ts';
import { exchangeJson, tlsJson } from './starttls-json.ts';
import { tlsLine } from './tls-line.ts';

export interface ReportOptions {
  readonly json: boolean;
  /** Whether lines for people tell what is said, too. */
  readonly echo: boolean;
  readonly out: (text: string) => void;
}

export class ServeReport {
  readonly #options: ReportOptions;
  readonly #scheme: Scheme;
  readonly #attacks: readonly string[];
  /** By connection, while it is open. */
  readonly #exchanges = new Map<number, ExchangeSecrets>();
  readonly #outcomes = new Map<ServiceOutcome, number>();

  constructor(scheme: Scheme, attacks: readonly string[], options: ReportOptions) {
    this.#scheme = scheme;
    this.#attacks = attacks;
    this.#options = options;
  }

  listening({ host, port, engine }: Pick<StarttlsServer, 'host' | 'port' | 'engine'>): void {
    const { scheme: protocol, mode, dialect } = this.#scheme;
    const attacks = this.#attacks;
    const facts = [
      dialect.title,
      ...(mode === 'direct' ? ['TLS from the first byte'] : []),
      `engine ${engine}`,
      ...attacks.map((attack) => `attack ${attack}`),
    ];
    const json = { event: 'listening', protocol, mode, host, port, engine, attacks };
    this.#tell(() => [`${protocol} on ${addressText({ host, port })} (${facts.join(', ')})`], json);
  }

  note(event: ServerEvent): void {
    this.#tell(
      () => this.#linesOf(event),
      () => this.#jsonOf(event),
    );
    if (event.kind !== 'ended') return;
    const { outcome } = event.end;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    this.#exchanges.delete(event.connection);
  }

  /** At the end: how many connections ended in which way. */
  stopped(): void {
    const outcomes = [...this.#outcomes];
    const connections = outcomes.reduce((sum, [, count]) => sum + count, 0);
    const parts = outcomes.map(([outcome, count]) => `${count} ${outcome}`);
    const total = `stopped after ${counted(connections, 'connection')}`;
    const json = { event: 'stopped', connections, outcomes: Object.fromEntries(outcomes) };
    this.#tell(() => [parts.length === 0 ? total : `${total}: ${parts.join(', ')}`], json);
  }

  #tell(lines: () => readonly string[], json: object | (() => object)): void {
    const { out } = this.#options;
    if (this.#options.json) out(`${harmlessJson(typeof json === 'function' ? json() : json)}\n`);
    else for (const line of lines()) out(`${line}\n`);
  }

  #linesOf(event: ServerEvent): readonly string[] {
    if (event.kind === 'delayed') return [`no connection for now: ${event.reason}`];
    return this.#textsOf(event).map((text) => `[${event.connection}] ${text}`);
  }

  #textsOf(event: Exclude<ServerEvent, { kind: 'delayed' }>): readonly string[] {
    switch (event.kind) {
      case 'connected':
        return [`connected from ${addressText(event.remote)}`];
      case 'exchange':
        return this.#options.echo ? this.#exchangeLines(event.connection, event.exchange) : [];
      case 'login':
        return [event.encrypted ? 'logs in' : 'logs in, in clear'];
      case 'trigger':
        return ['asks for TLS'];
      case 'injected': {
        const { bytes, sample, dropped } = event;
        const what = bytes === null ? 'plaintext' : `${counted(bytes, 'byte')} of plaintext (${sample})`;
        return [`injected: ${what}, ${dropped ? 'dropped' : 'refused'}`];
      }
      case 'tls':
        return [`<TLS> ${tlsLine(event.tls)}`];
      case 'ended':
        return [endText(event.end)];
    }
  }

  #jsonOf(event: ServerEvent): object {
    const { kind, ...facts } = event;
    switch (event.kind) {
      case 'exchange':
        return { event: kind, connection: event.connection, ...this.#exchangeJson(event.connection, event.exchange) };
      case 'tls':
        return { event: kind, connection: event.connection, tls: tlsJson(event.tls) };
      case 'ended': {
        const { tls, error: _thrown, ...end } = event.end;
        return { event: kind, connection: event.connection, ...end, tls: tls === null ? null : tlsJson(tls) };
      }
      default:
        return { event: kind, ...facts };
    }
  }

  #shown(connection: number, exchange: Exchange): Shown {
    let secrets = this.#exchanges.get(connection);
    if (secrets === undefined) {
      secrets = new ExchangeSecrets(this.#scheme.dialect);
      this.#exchanges.set(connection, secrets);
    }
    return secrets.show(exchange);
  }

  #exchangeLines(connection: number, exchange: Exchange): readonly string[] {
    const shown = this.#shown(connection, exchange);
    if (shown.kind === 'exchange') return exchangeLines(shown.exchange, this.#scheme.dialect.describe);
    return [`C: (${counted(exchange.bytes.length, 'byte')})  ${escapeText(shown.words)}`];
  }

  #exchangeJson(connection: number, exchange: Exchange): object {
    const shown = this.#shown(connection, exchange);
    if (shown.kind === 'exchange') return exchangeJson(shown.exchange);
    const { from, encrypted, bytes } = exchange;
    return { from, encrypted, bytes: bytes.length, words: shown.words };
  }
}

function endText({ outcome, reason, commandsInClear, commandsInTls, loginInClear, duration }: ConnectionEnd): string {
  const parts = [
    reason === '' ? outcome : `${outcome}: ${harmless(reason)}`,
    ...(loginInClear ? ['password in clear'] : []),
    `${counted(commandsInClear, 'command')} in clear`,
    `${commandsInTls} in TLS`,
    `${duration.toFixed(1)} ms`,
  ];
  return parts.join(', ');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function addressText({ host, port }: { host: string; port: number }): string {
  return host === '' ? 'an unknown address' : `${host} port ${port}`;
}
