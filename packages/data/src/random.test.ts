import { expect, test } from "vitest";
import { createRandom, restoreRandom } from "./random.ts";
import { permutation, shuffleRows } from "./shuffle.ts";

test("gives the numbers of the reference implementation for the state 1, 2, 3, 4", () => {
  const random = restoreRandom([1, 2, 3, 4]);
  // Printed by the authors' xoshiro128starstar.c.
  const reference = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804];
  expect(reference.map(() => random.nextUint32())).toEqual(reference);
});

// Computed with Python's integers from the authors' splitmix64.c and xoshiro128starstar.c.
test.each([
  [42, 7, [322561280, 369503596, 604516917, 2594320660], [2331901935, 1803605355, 2005910718]],
  [-1, 0, [2996990263, 1572997799, 30868636, 3181733514], [2381295930, 548049140, 484646835]],
])("seed %d, stream %d gives the state and numbers computed elsewhere", (seed, stream, state, numbers) => {
  const random = createRandom(seed, stream);
  expect(random.state()).toEqual(state);
  expect(numbers.map(() => random.nextUint32())).toEqual(numbers);
});

test("goes on from a saved state, through JSON", () => {
  const random = createRandom(7);
  random.nextFloat();
  const resumed = restoreRandom(JSON.parse(JSON.stringify(random.state())));
  const ahead = (from: typeof random): number[] => Array.from({ length: 100 }, () => from.nextBelow(1000));
  expect(ahead(resumed)).toEqual(ahead(random));
});

test("seeds and streams differ, negative and large seeds too", () => {
  const states = [0, 1, -1, 2 ** 32, 2 ** 53 - 1].flatMap((seed) => [0, 1, 2].map((stream) => createRandom(seed, stream).state().join()));
  expect(new Set(states).size).toBe(15);
  expect(() => createRandom(0.5)).toThrow(expect.objectContaining({ code: "bad-random-state" }));
});

test.each([[[0, 0, 0, 0]], [[1, 2, 3]], [[1, 2, 3, -4]], [[1, 2, 3, 2 ** 32]], [[1, 2, 3, 0.5]], ["1234"]])(
  "the state %j is refused",
  (state) => {
    expect(() => restoreRandom(state as never)).toThrow(expect.objectContaining({ code: "bad-random-state" }));
  },
);

test("all orders of four rows come equally often", () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 24_000; seed++) {
    const order = shuffleRows([0, 1, 2, 3], seed).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(24);
  // Chi-squared with 23 degrees of freedom exceeds 49.7 once in a thousand tries; the seeds are fixed, so this is one try.
  const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  expect(chiSquared).toBeLessThan(49.7);
});

test("a bound that does not divide 2^32 is still fair at its far end", () => {
  const random = createRandom(3);
  const bound = 3 * 2 ** 30;
  const draws = Array.from({ length: 30_000 }, () => Math.floor(random.nextBelow(bound) / 2 ** 30));
  // Without drawing again, the first third would come twice as often as the others. 4 standard deviations of a count: 327.
  for (const third of [0, 1, 2]) expect(Math.abs(draws.filter((draw) => draw === third).length - 10_000)).toBeLessThan(327);
});

test("a permutation holds every number once", () => {
  expect([...permutation(1000, createRandom(1))].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect([...permutation(0, createRandom(1))]).toEqual([]);
});
