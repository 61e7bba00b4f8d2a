/** Something that takes memory from one instruction to another, both included. */
export interface Lifetime {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

interface Slot {
  readonly bytes: number;
  /** Lifetimes that share the slot, by their start; none overlap. */
  readonly users: Lifetime[];
}

/** Which slot each lifetime uses, and how large the slots are. */
export interface SharedSlots {
  readonly slots: readonly number[];
  readonly slotOf: Int32Array;
}

/**
 * Shares slots among lifetimes that do not overlap: the largest first, each in the slot that it leaves idle for the shortest time,
 * else in a new one ("greedy by size improved" for shared objects, Pisarchyk & Lee 2020, arXiv 2001.03288). So a slot is as large
 * as its first user, and small tensors fill the gaps between large ones. Pure: the same lifetimes give the same slots.
 */
export function shareSlots(lifetimes: readonly Lifetime[]): SharedSlots {
  const slots: Slot[] = [];
  const slotOf = new Int32Array(lifetimes.length).fill(-1);
  const order = lifetimes.map((_, index) => index);
  order.sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes || lifetimes[a]!.start - lifetimes[b]!.start || a - b);
  for (const index of order) {
    const lifetime = lifetimes[index]!;
    let best = -1;
    let shortest = Infinity;
    slots.forEach(({ users }, slot) => {
      const idle = idleAround(users, lifetime);
      if (idle < shortest) [best, shortest] = [slot, idle];
    });
    if (best === -1) best = slots.push({ bytes: lifetime.bytes, users: [] }) - 1;
    const { users } = slots[best]!;
    users.splice(firstAfter(users, lifetime.start), 0, lifetime);
    slotOf[index] = best;
  }
  return { slots: slots.map(({ bytes }) => bytes), slotOf };
}

/** Instructions between a lifetime and the nearest users before and after it, the smaller of the two; Infinity where one overlaps it. */
function idleAround(users: readonly Lifetime[], { start, end }: Lifetime): number {
  const next = firstAfter(users, start);
  const before = users[next - 1];
  const after = users[next];
  if ((before && before.end >= start) || (after && after.start <= end)) return Infinity;
  return Math.min(before ? start - before.end : Number.MAX_SAFE_INTEGER, after ? after.start - end : Number.MAX_SAFE_INTEGER);
}

/** Position of the first user that starts after `start`. */
function firstAfter(users: readonly Lifetime[], start: number): number {
  let [low, high] = [0, users.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (users[middle]!.start <= start) low = middle + 1;
    else high = middle;
  }
  return low;
}
