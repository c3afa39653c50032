/** What tells an operation to end before it is done. An AbortSignal is one. */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options: { readonly once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** One of our own. A dialogue has one for each of its calls, and an AbortController costs more than a short call does. */
export class Cancellation implements CancelSignal {
  #listeners: (() => void)[] = [];
  #aborted = false;

  get aborted(): boolean {
    return this.#aborted;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#aborted) this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /** Calls every listener once, but for those that one before has taken back. */
  cancel(): void {
    this.#aborted = true;
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) next();
  }
}
