import { array, assert, integer, property } from "fast-check";
import { expect, it } from "vitest";
import { rowRanges } from "./rowRanges.ts";

it("covers every row once, in order, within the limit and at bindable offsets", () => {
  assert(
    property(
      integer({ min: 0, max: 5000 }),
      array(
        integer({ min: 1, max: 300 }).map((words) => words * 4),
        { minLength: 1, maxLength: 4 },
      ),
      integer({ min: 1, max: 64 }),
      (rows, sizes, kibibytes) => {
        const limit = kibibytes * 1024;
        let ranges;
        try {
          ranges = rowRanges("op", rows, sizes, limit);
        } catch (error) {
          expect(error).toMatchObject({ code: "unsupported-op" });
          return;
        }
        let next = 0;
        for (const { start, count } of ranges) {
          expect(start).toBe(next);
          expect(count).toBeGreaterThan(0);
          for (const bytes of sizes) {
            expect((start * bytes) % 256).toBe(0);
            expect(count * bytes).toBeLessThanOrEqual(limit);
          }
          next += count;
        }
        expect(next).toBe(rows);
      },
    ),
  );
});

it("says what does not fit", () => {
  expect(() => rowRanges("rope", 100, [260], 4096)).toThrow(
    "rope: 64 rows of 260 bytes are the least that can be bound at once, the device binds 4096 bytes",
  );
});
