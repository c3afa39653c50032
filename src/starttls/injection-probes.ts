/** What is injected into which protocol to find out whether a server executes it. */

export interface InjectionProbe {
  /** A harmless command that a server answers before anybody has logged in, with its end of line. */
  readonly command: Uint8Array;
  /** What its answer repeats; absent where an answer can only be told by being one too many. */
  readonly marker?: string;
  /** What is asked inside TLS where the protocol asks nothing by itself: half a line would wait for it unseen. */
  readonly ask?: { readonly command: string; readonly answer: RegExp };
}

function line(command: string, more: Omit<InjectionProbe, 'command'> = {}): InjectionProbe {
  return { command: Buffer.from(`${command}\r\n`, 'latin1'), ...more };
}

/** By name of the dialect; null where there is nothing harmless to inject, or nothing would answer it. */
export const INJECTION_PROBES: Readonly<Record<string, InjectionProbe | null>> = {
  smtp: line('NOOP'),
  submission: line('NOOP'),
  lmtp: line('NOOP'),
  tls: null,
};
