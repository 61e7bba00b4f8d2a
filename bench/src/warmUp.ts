/** Milliseconds without a faster round after which a device's clock counts as settled, unless a caller has less time. */
const SETTLED = 1000;
/** Milliseconds after which it is settled or never will be. */
const LONGEST = 5000;

/**
 * Runs `round`, which waits for the device, until rounds get no faster: a GPU that was idle, if only while operands were made on the
 * processor, works at a fifth of its clock for a tenth of a second to over half a second.
 */
export async function warmUp(round: () => Promise<void>, settled: number = SETTLED): Promise<void> {
  const started = performance.now();
  let best = Infinity;
  let lastFaster = started;
  for (let now = started; now - lastFaster < settled && now - started < LONGEST;) {
    await round();
    const after = performance.now();
    if (after - now < 0.98 * best) [best, lastFaster] = [after - now, after];
    now = after;
  }
}
