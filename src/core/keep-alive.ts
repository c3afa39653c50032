/**
 * A pending asynchronous call keeps the process alive, an idle socket does not: sockets are unref'd, and one timer
 * stands for all pending calls.
 */
let pending = 0;
let timer: NodeJS.Timeout | undefined;

/** A day; it only has to exist. */
const PERIOD = 86_400_000;

export function holdProcess(): void {
  pending += 1;
  if (pending > 1) return;
  // Deadlines are timeouts too: an interval would be one more thing for Node to load.
  if (timer === undefined) timer = setTimeout(() => timer?.refresh(), PERIOD);
  else timer.ref();
}

export function releaseProcess(): void {
  pending -= 1;
  if (pending === 0) timer?.unref();
}
