/** The event loop's share: calls that end at once could follow each other for ever, and nothing else would run. */
import { monotonic } from './deadline.ts';
import { nextTurn } from './promise-op.ts';

/** How long such calls may follow each other, in ms. */
const SLICE = 10;

/** When the event loop last had a turn, or was about to have one. */
let turned = monotonic();

/**
 * The promise of a call: what ended at once is there at once, or after a turn of the event loop where one is due. Whatever
 * is still to come needs a turn anyway.
 */
export function inFairTurn<T>(value: T | PromiseLike<T>): Promise<T> {
  const now = monotonic();
  if (value instanceof Promise) turned = now;
  else if (now - turned >= SLICE) return afterTurn(value);
  return Promise.resolve(value);
}

async function afterTurn<T>(value: T | PromiseLike<T>): Promise<T> {
  await nextTurn();
  turned = monotonic();
  return value;
}
