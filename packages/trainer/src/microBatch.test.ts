import fc from "fast-check";
import { expect, it } from "vitest";
import { orderById } from "./microBatch.ts";

it("orders positions by id, equal ids in ascending position, as a stable sort does", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300)), (ids) => {
      const sorted = ids.map((id, position) => [id, position] as const).toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
      expect([...orderById(Int32Array.from(ids))]).toEqual(sorted.map(([, position]) => position));
    }),
  );
});
