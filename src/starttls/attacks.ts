/** What each deception of a server is, and what a client should make of it (reference starttls-protocols §4). */
import type { Attack, Dialect } from './dialect.ts';
import type { Mode } from './target.ts';

/** One deception, from both sides. */
export interface AttackRow {
  /** What the server does. */
  readonly server: string;
  /** What a client does that sees through it. */
  readonly client: string;
}

const DROPS = 'ends the connection, or drops it; never takes it for an answer inside TLS';
const STAYS_AWAY = 'ends the connection, unless it was told that clear text will do';

/** In the order in which they are listed to people. */
export const ATTACKS = {
  'inject-line': {
    server: 'puts a whole answer of its own behind the go-ahead, in the same segment',
    client: DROPS,
  },
  'inject-half-line': {
    server: 'puts half of an answer there, which what is said inside TLS would complete',
    client: DROPS,
  },
  'inject-multiline': {
    server: 'puts a whole answer behind a go-ahead of several lines',
    client: `stops at the last line of the go-ahead; ${DROPS}`,
  },
  omit: { server: 'does not offer TLS, but a login in clear', client: STAYS_AWAY },
  rename: {
    server: 'offers something else where the offer stood, as a stripping proxy does, and a login in clear',
    client: `${STAYS_AWAY}; never takes it for an offer`,
  },
  refuse: { server: 'offers TLS, refuses it, and takes a login in clear', client: STAYS_AWAY },
  preauth: { server: 'says that the user is logged in already, which forbids TLS', client: STAYS_AWAY },
  'no-hello': {
    server: 'does not understand the command, or the version, that leads to the offer',
    client: STAYS_AWAY,
  },
  tamper: {
    server: 'puts alerts, referrals, capabilities or data of others into the clear part',
    client: 'upgrades, and neither shows nor keeps any of it',
  },
  'early-greeting': {
    server: 'greets in clear where TLS is to begin with the first byte',
    client: 'ends the connection with an error of TLS',
  },
  garbage: { server: 'says what is not of the protocol', client: 'ends the connection' },
  silence: { server: 'takes everything and never says anything', client: 'gives up at its deadline' },
  drip: { server: 'sends one byte at a time', client: 'works: one read is not one reply' },
} as const satisfies Readonly<Record<Attack, AttackRow>>;

/** Those that need nothing of a dialect, on a port where TLS begins with the first byte. */
const DIRECT: readonly Attack[] = ['early-greeting', 'silence', 'drip'];

/** The attacks that a server of this dialect can play. */
export function attacksOf({ server }: Dialect, mode: Mode): readonly Attack[] {
  const known: readonly Attack[] = mode === 'direct' ? DIRECT : server.attacks;
  return ATTACK_NAMES.filter((name) => known.includes(name));
}

export const ATTACK_NAMES: readonly Attack[] = Object.keys(ATTACKS).filter(isAttack);

export function isAttack(name: string): name is Attack {
  return Object.hasOwn(ATTACKS, name);
}
