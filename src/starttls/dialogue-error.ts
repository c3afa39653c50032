/** How a dialogue fails. */
import { ProtocolError } from '../core/errors.ts';
import type { Stray } from './channel.ts';

/**
 * Why a dialogue cannot go on. `timeout`: the peer was silent for too long. `closed`: it closed in the middle.
 * `malformed`: what it said is not this protocol, or is longer than any peer needs. `injected`: it sent plaintext where
 * only TLS may follow. `refused`: it said so. `wrongMode`: it begins with TLS where clear text is due.
 */
export type DialogueFault = 'timeout' | 'closed' | 'malformed' | 'injected' | 'refused' | 'wrongMode';

/** A dialogue has come to an end that it should not have come to; `fault` says which. */
export class DialogueError extends ProtocolError {
  readonly fault: DialogueFault;
  /** With `injected`: what was waiting; null when it came once the handshake had begun, where nobody can count it. */
  readonly stray: Stray | null;

  constructor(fault: DialogueFault, message: string, stray: Stray | null = null) {
    super(message);
    this.fault = fault;
    this.stray = stray;
  }
}
