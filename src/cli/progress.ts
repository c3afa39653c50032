/** A progress bar on a terminal; nothing anywhere else. */

export interface Progress {
  /** So many are done. `remark` stands behind the bar. */
  update(done: number, remark: string): void;
  /** Takes the bar away again. */
  stop(): void;
}

const NOWHERE: Progress = { update() {}, stop() {} };

/** Draws on standard error, if that is a terminal. */
export async function progressBar(title: string, total: number, unit: string): Promise<Progress> {
  if (!process.stderr.isTTY) return NOWHERE;
  const { default: progress } = await import('cli-progress');
  const bar = new progress.SingleBar({
    stream: process.stderr,
    format: `${title} [{bar}] {value}/{total} ${unit}{remark}`,
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    barsize: 30,
    clearOnComplete: true,
    // A command that is ended by a signal would leave the terminal without its cursor, and without line breaks.
    hideCursor: false,
    linewrap: true,
  });
  bar.start(total, 0, { remark: '' });
  return {
    update: (done, remark) => bar.update(done, { remark }),
    stop: () => bar.stop(),
  };
}
