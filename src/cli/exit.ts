/** Exit statuses of the command, and where it writes. */

/** One class of outcome each, so that a calling script can tell them apart. */
export const EXIT = { ok: 0, failed: 1, usage: 2, noEngine: 3, outputClosed: 141 } as const;

/** Derived into every help text. */
export const EXIT_HELP = `Exit status:
  0    everything went as asked
  1    a call failed (negative STATUS) that was not allowed to
  2    the command line or the script is wrong
  3    the engine that was asked for is not available
  141  standard output was closed, as by 'tcpx ... | head'
`;

export interface Output {
  /** Results: standard output. */
  out(text: string): void;
  /**
   * The last result, of what is done and stays done: where standard output does not take it that is told, and changes
   * nothing of how the command ends.
   */
  report(text: string): void;
  /** What went wrong: standard error. */
  err(text: string): void;
  /** Standard output for more than is held in memory, and for a dialogue. What {@link out} writes keeps its place. */
  stream(): NodeJS.WriteStream;
}

/** What a subcommand's file exports. */
export interface Subcommand {
  help(): string | Promise<string>;
  /** Resolves to the exit status. */
  run(args: readonly string[], output: Output): Promise<number>;
}
