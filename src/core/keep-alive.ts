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
  if (timer === undefined) timer = setInterval(() => {}, PERIOD);
  else timer.ref();
}

export function releaseProcess(): void {
  pending -= 1;
  if (pending === 0) timer?.unref();
}
