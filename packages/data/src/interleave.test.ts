import { expect, test } from "vitest";
import { interleave } from "./interleave.ts";
import type { InterleaveOptions, MixedRow } from "./interleave.ts";

const short = ["a", "b"];
const long = Array.from({ length: 10 }, (_, i) => i);

async function mix<T>(sources: (Iterable<T> | AsyncIterable<T>)[], options: InterleaveOptions): Promise<MixedRow<T>[]> {
  const mixed: MixedRow<T>[] = [];
  for await (const row of interleave(sources, options)) mixed.push(row);
  return mixed;
}

const valuesOf = <T>(mixed: MixedRow<T>[], source: number): T[] => mixed.filter((row) => row.source === source).map((row) => row.value);

test("without replacement, every row comes once, each source in its own order", async () => {
  const mixed = await mix<unknown>([short, long], { seed: 1, stop: "all-exhausted-without-replacement" });
  expect(valuesOf(mixed, 0)).toEqual(short);
  expect(valuesOf(mixed, 1)).toEqual(long);
});

test("all-exhausted reads every source to its end, beginning short ones again", async () => {
  const mixed = await mix<unknown>([short, long], { seed: 1, stop: "all-exhausted" });
  expect(new Set(valuesOf(mixed, 1))).toEqual(new Set(long));
  const again = valuesOf(mixed, 0);
  expect(again.length).toBeGreaterThan(2);
  expect(again).toEqual(again.map((_, i) => short[i % 2]));
});

test("first-exhausted stops when a source is asked for more than it has", async () => {
  const mixed = await mix<unknown>([short, long], { seed: 1 });
  expect(valuesOf(mixed, 0).length === 2 || valuesOf(mixed, 1).length === 10).toBe(true);
  expect(mixed.length).toBeLessThan(12);
});

test("sources are drawn in proportion to their weights, the same for the same seed", async () => {
  const many = Array.from({ length: 100_000 }, (_, i) => i);
  const mixed = await mix([many, many, many.slice(0, 4000)], { seed: 2, weights: [3, 1, 0.4] });
  const share = valuesOf(mixed, 0).length / mixed.length;
  // 3 of 4.4 weights; about 44,000 draws have a standard deviation of 0.0022.
  expect(Math.abs(share - 3 / 4.4)).toBeLessThan(0.009);
  expect(await mix([many, many, many.slice(0, 4000)], { seed: 2, weights: [3, 1, 0.4] })).toEqual(mixed);
});

test("asynchronous sources are closed when the reader stops", async () => {
  let closed = 0;
  async function* endless(): AsyncGenerator<number> {
    try {
      for (;;) yield 1;
    } finally {
      closed++;
    }
  }
  let seen = 0;
  for await (const _ of interleave([endless(), endless()], { seed: 1 })) if (++seen === 20) break;
  expect(closed).toBe(2);
});

test("bad weights, and sources that would be begun again for ever, are refused", async () => {
  for (const weights of [[1], [1, 0], [1, -1], [1, NaN], [1, Infinity]]) {
    await expect(mix<unknown>([short, long], { seed: 1, weights })).rejects.toMatchObject({ code: "bad-weights" });
  }
  await expect(mix<unknown>([[], long], { seed: 1, stop: "all-exhausted" })).rejects.toMatchObject({ code: "empty-data-set" });
});
