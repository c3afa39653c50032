// A conversation without TLS, for what a server says before an upgrade.

import { connect } from 'node:net';

/** What to send, nothing if empty, and what the answer to it has to match before the next step. */
export type Step = readonly [send: string | Uint8Array, until: RegExp];

/**
 * Talks to a server in clear and resolves with all that it said, as Latin-1. Rejects with it when a step is not
 * answered within `deadline` ms (default 15 000) or the server closes before the last one is.
 */
export function converse(port: number, steps: readonly Step[], deadline = 15_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let said = '';
    let answered = 0;
    let step = -1;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    const fail = (why: string) => settle(() => reject(new Error(`${why} at step ${step}; the server said:\n${said}`)));
    const timer = setTimeout(() => fail('no answer'), deadline);
    const next = () => {
      answered = said.length;
      step += 1;
      const [send] = steps[step] ?? [''];
      if (step === steps.length) settle(() => resolve(said));
      else if (send.length > 0) socket.write(send);
    };
    socket.setEncoding('latin1');
    socket.once('connect', next);
    socket.on('data', (text: string) => {
      said += text;
      const [, until] = steps[step] ?? [];
      if (until?.test(said.slice(answered))) next();
    });
    socket.once('end', () => fail('closed'));
    socket.once('error', (error) => fail(error.message));
  });
}
