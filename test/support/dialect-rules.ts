// What every dialect of lines has to do: the rules of dialect-vectors.ts, from scripts of lines, and what is the same for all
// of them, such as a line without end.
import type { Dialect } from '../../src/starttls/dialect.ts';
import type { Negotiation, Outcome } from '../../src/starttls/negotiation.ts';
import { clientVectors, serverVectors } from './dialect-vectors.ts';

const ENDLESS = 'x'.repeat(20_000);

/** An answer to the trigger, and its code. */
type Refusal = readonly [text: string, code: string];

export interface ClientScripts {
  /** The fixture of a whole upgrade, and what must come of it. */
  readonly fixture: string;
  readonly expected: Partial<Negotiation>;
  /** What comes before the first thing that the server says; empty where it speaks first. */
  readonly before?: string;
  /** Everything up to and with the trigger. */
  readonly opening: string;
  readonly go: string;
  /** Inside TLS, and the capabilities that come of it. */
  readonly renewal: string;
  readonly renewed: readonly string[];
  readonly leave: string;
  /** Openings without an offer. */
  readonly missing: readonly (readonly [name: string, text: string, outcome: Outcome])[];
  /** Answers to the trigger that are refusals, and their code. */
  readonly refusals: readonly Refusal[];
  /** The same, after which the server closes, so that nobody can go on in clear. */
  readonly finalRefusals?: readonly Refusal[];
  /** What an attacker puts behind the go-ahead. */
  readonly injections: readonly (readonly [name: string, text: string])[];
  /** Whole dialogues that end in another way. */
  readonly failures: readonly (readonly [name: string, text: string, outcome: Outcome])[];
  /** How silence from the start ends. Default: with nothing said. */
  readonly silence?: string;
}

/** Declares what every client has to do. */
export function clientRules(dialect: Dialect, scripts: ClientScripts): void {
  const { fixture, expected, before = '', opening, go, silence = before, finalRefusals = [], failures } = scripts;
  const answers = (refusals: readonly Refusal[]) => refusals.map(([text, code]) => [text, `${text}\n`, code] as const);
  clientVectors(dialect, {
    ...scripts,
    complete: true,
    upgrades: [[fixture, expected]],
    refusals: answers(scripts.refusals),
    finalRefusals: answers(finalRefusals),
    failures: [
      ['an endless line', `${before}S: ${ENDLESS}\n`, 'malformed'],
      ['a TLS alert instead of an answer', `${before}S: \\x15\\x03\\x03\\x00\\x02\\x02\\x46⏎\n`, 'wrongMode'],
      ['silence', silence, 'timeout'],
      ['an end at once', `${before}<END>\n`, 'closed'],
      ['half an answer to the trigger', `${opening}${go.trimEnd().replace(/⏎$/, '')}\n<END>\n`, 'closed'],
      ...failures,
    ],
  });
}

export interface ServerScripts {
  /** A whole connection, upgrade and leave included. */
  readonly whole: string;
  /** What the server says first; empty where it waits. */
  readonly greeting: string;
  readonly trigger: string;
  readonly go: string;
  /** A command that must not be executed, without its end. */
  readonly injected: string;
  /** What the server says unasked inside TLS. */
  readonly renewed?: string;
  /** The end of that command alone, said inside TLS, and the answer to it: nobody has said its beginning. */
  readonly tail: string;
  /** Exchanges in clear and inside TLS that show what is refused, and what is forgotten. */
  readonly exchanges: readonly (readonly [name: string, text: string])[];
}

/** Declares what every server has to do. */
export function serverRules(dialect: Dialect, scripts: ServerScripts): void {
  const { whole, greeting, trigger, go, injected, renewed = '', tail, exchanges } = scripts;
  serverVectors(dialect, {
    complete: true,
    whole: [['a connection', whole]],
    opening: greeting,
    trigger: `C: ${trigger}\n`,
    go,
    injections: [
      ['a whole line', `C! ${injected}⏎\n`],
      ['half a line', `C! ${injected}\n`],
    ],
    afresh: `${renewed}${tail}`,
    exchanges: exchanges.map(([name, text]) => [name, `${greeting}${text}`]),
    malformed: [['an endless command', `${greeting}C: ${ENDLESS}\n`]],
  });
}
