/**
 * Lets timers and handlers of signals run. On a backend that computes on this thread every wait is over at once, so that nothing
 * else, Ctrl-C and `AbortSignal.timeout` included, would have its turn before the end.
 */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
