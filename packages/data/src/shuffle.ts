import type { Random } from "./random.ts";
import { createRandom } from "./random.ts";

/** The numbers 0 to `count` - 1 in random order: Fisher-Yates from the end, every order equally likely. */
export function permutation(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = random.nextBelow(last + 1);
    const kept = order[last];
    order[last] = order[other];
    order[other] = kept;
  }
  return order;
}

/** A copy of `rows` in an order that depends on `seed` and their number alone. */
export function shuffleRows<T>(rows: readonly T[], seed: number): T[] {
  return Array.from(permutation(rows.length, createRandom(seed)), (index) => rows[index]);
}
