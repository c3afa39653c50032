import { inspect } from 'node:util';

/** A password or token that does not show itself in a template, a dump, JSON or a stack of `console.log`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  get isBlank(): boolean {
    return this.#value === '';
  }

  /** The text itself, in bytes as Latin-1. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '****';
  }

  toJSON(): string {
    return '****';
  }

  [inspect.custom](): string {
    return '****';
  }
}
