/** Reads whose latencies are remembered. */
const REMEMBERED = 4;
/** Shorter waits are not worth a timer. */
const SHORTEST_MILLISECONDS = 8;
/** What is left of the expected wait when the pause ends: at least this many milliseconds, and this share. */
const [MARGIN_MILLISECONDS, MARGIN_SHARE] = [2, 0.05];
/** A map that is there so soon after the pause was there before it ended. */
const AT_ONCE_MILLISECONDS = 0.5;

/**
 * How long to wait with mapping a buffer whose contents will be there after the work before it. Dawn in Node asks the device over and
 * over from the moment that a map is wanted, which takes a whole core; steps that last alike let most of that wait be slept through.
 * Where a pause turns out too long, none is made until as many reads as are remembered have shown what to expect.
 */
export class ReadPause {
  private latencies: readonly number[] = [];

  /** Milliseconds to sleep before the next map; 0 for none. */
  next(): number {
    if (this.latencies.length < REMEMBERED) return 0;
    const expected = Math.min(...this.latencies);
    return expected < SHORTEST_MILLISECONDS ? 0 : expected - Math.max(MARGIN_MILLISECONDS, MARGIN_SHARE * expected);
  }

  /** Tells of a read that slept for `paused` milliseconds and then waited for `mapping` more. */
  note(paused: number, mapping: number): void {
    const tooLong = paused > 0 && mapping < AT_ONCE_MILLISECONDS;
    this.latencies = [...this.latencies, tooLong ? 0 : paused + mapping].slice(-REMEMBERED);
  }
}
