import * as fc from "fast-check";
import { expect, test } from "vitest";
import { splitRows } from "./splitRows.ts";

const hundred = Array.from({ length: 100 }, (_, i) => i);

test("both parts together are all rows, each in order, the test part as large as asked", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 200 }),
      fc.integer(),
      fc.double({ min: 0.01, max: 0.4, noNaN: true }),
      (count, seed, testSize) => {
        const rows = Array.from({ length: count }, (_, i) => i);
        const { train, test: held } = splitRows(rows, { testSize, seed });
        expect(held.length).toBe(Math.max(1, Math.round(count * testSize)));
        for (const part of [train, held]) expect(part).toEqual([...part].sort((a, b) => a - b));
        expect([...train, ...held].sort((a, b) => a - b)).toEqual(rows);
      },
    ),
  );
});

test("a number of rows may be given, and the seed alone decides which", () => {
  const first = splitRows(hundred, { testSize: 10, seed: 1 });
  expect(first.test.length).toBe(10);
  expect(splitRows(hundred, { testSize: 10, seed: 1 })).toEqual(first);
  expect(splitRows(hundred, { testSize: 10, seed: 2 }).test).not.toEqual(first.test);
});

test.each([0, -1, 100, 101, 1.5, NaN])("a test size of %d of 100 rows is refused", (testSize) => {
  expect(() => splitRows(hundred, { testSize, seed: 1 })).toThrow(expect.objectContaining({ code: "bad-split" }));
});
