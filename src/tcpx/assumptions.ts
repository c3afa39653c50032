/**
 * What the reference marks ASSUMED or UNKNOWN and a site may know better: one named value each, set by the job option
 * `assume`. The README's table is derived from this one.
 */
import { type AssumptionTable, boolean, completeAssumptions, defaultsOf, integer, oneOf } from '../core/assumption.ts';
import { once } from '../core/once.ts';

/** The job option `assume`. What each of them means is in {@link ASSUMPTIONS} and in the README. */
export interface Assumptions {
  readonly acceptTimer: 'ignored' | 'waits';
  readonly fixedStringWrite: 'declared' | 'current';
  readonly dynamicReadSize: number;
  readonly hostNotFound: number;
  readonly closedCheck: number;
  readonly usageError: number;
  readonly backlog: number;
  readonly answerInFlags: boolean;
}

/** The values of `assume`: what each is, what it may be, and where the reference speaks of it. */
export const ASSUMPTIONS: AssumptionTable<Assumptions> = {
  acceptTimer: {
    value: 'ignored',
    meaning:
      'the timer of an ACCEPT that waits: `ignored`, or `waits`: gives up after it with would-block and leaves sockport',
    source: 'tcpx §4',
    accepts: oneOf('ignored', 'waits'),
  },
  fixedStringWrite: {
    value: 'declared',
    meaning: 'what WRITE with count 0 sends of an S,n: the `declared` size with its NULs, or the `current` length',
    source: 'tcpx §5.2',
    accepts: oneOf('declared', 'current'),
  },
  dynamicReadSize: {
    value: 8192,
    meaning: 'most bytes that READ with count 0 stores into a dynamic variable',
    source: 'tcpx §5.2',
    accepts: integer(1, 2 ** 30),
  },
  hostNotFound: {
    value: -2,
    meaning: 'STATUS when a name cannot be resolved, in the Linux family',
    source: 'tcpx §6.1',
    accepts: integer(-65_535, -1),
  },
  closedCheck: {
    value: -1,
    meaning: 'STATUS of CHECK and CHKQTY once the peer has closed and everything has been read',
    source: 'tcpx §15.6',
    accepts: integer(-65_535, -1),
  },
  usageError: {
    value: -1,
    meaning: 'STATUS of a wrong opcode, too few arguments, STARTTLS in the wrong state, an operation on a whole set',
    source: 'tcpx §1, §8, §11',
    accepts: integer(-65_535, -1),
  },
  backlog: {
    value: 5,
    meaning: 'clients that may wait to be accepted',
    source: 'tcpx §10',
    accepts: integer(1, 65_535),
  },
  answerInFlags: {
    value: false,
    meaning: 'CHECK and CHKQTY put their answer into flags as well, as the description of 2003 has it',
    source: 'tcpx §3.4',
    accepts: boolean,
  },
};

const defaults = once(() => defaultsOf(ASSUMPTIONS));

/** Completes and checks a job's `assume` option. */
export function parseAssumptions(given: Partial<Assumptions> = {}): Assumptions {
  return completeAssumptions(defaults(), () => ASSUMPTIONS, given, 'assume.');
}
