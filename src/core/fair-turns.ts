/** The event loop's share: calls that end at once could follow each other for ever, and nothing else would run. */
import { monotonic } from './deadline.ts';
import { nextTurn } from './promise-op.ts';

/** How long such calls may follow each other, in ms. */
const SLICE = 10;

/** When the event loop last had a turn, as far as anybody has looked. */
let turned = Number.NEGATIVE_INFINITY;

/**
 * The promise of a call: what ended at once is there at once, or after a turn of the event loop where one is due. Whatever
 * is still to come needs a turn anyway.
 */
export function inFairTurn<T>(value: T | PromiseLike<T>): Promise<T> {
  if (value instanceof Promise || monotonic() - turned < SLICE) return Promise.resolve(value);
  return afterTurn(value);
}

async function afterTurn<T>(value: T | PromiseLike<T>): Promise<T> {
  await nextTurn();
  turned = monotonic();
  return value;
}
