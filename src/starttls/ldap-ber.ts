/** BER as LDAP reads it: what is not as it should be makes the dialogue malformed. */
import * as ber from '../core/ber.ts';
import { DialogueError } from './dialogue-error.ts';

const dialogue =
  <Args extends unknown[], Result>(read: (...args: Args) => Result) =>
  (...args: Args): Result => {
    try {
      return read(...args);
    } catch (error) {
      throw error instanceof ber.BerError ? new DialogueError('malformed', error.message) : error;
    }
  };

export const decode = dialogue(ber.decode);
export const itemsOf = dialogue(ber.itemsOf);
export const integerOf = dialogue(ber.integerOf);
export const textOf = dialogue(ber.textOf);
