import { READABLE, WRITABLE } from '../core/op.ts';

/** Who waits for an event-driven source, by direction. */
export class Wakes {
  #waiting: { events: number; wake: () => void }[] = [];

  add(events: number, wake: () => void): () => void {
    const entry = { events, wake };
    this.#waiting.push(entry);
    return () => {
      const index = this.#waiting.indexOf(entry);
      if (index >= 0) this.#waiting.splice(index, 1);
    };
  }

  /** Wakes everyone who waits for one of `events`, once. */
  fire(events: number): void {
    if (this.#waiting.length === 0) return;
    const [first] = this.#waiting;
    if (this.#waiting.length === 1 && first !== undefined) {
      if ((first.events & events) === 0) return;
      this.#waiting.pop();
      first.wake();
      return;
    }
    const woken = this.#waiting.filter((entry) => (entry.events & events) !== 0);
    this.#waiting = this.#waiting.filter((entry) => (entry.events & events) === 0);
    for (const { wake } of woken) wake();
  }

  fireAll(): void {
    this.fire(READABLE | WRITABLE);
  }
}
