import { expect, test } from "vitest";
import { lengthMultiple, positionsNeeded } from "./sequenceLengths.ts";

test("padding never passes the model's positions", () => {
  expect([512, 100, 77].map(lengthMultiple)).toEqual([16, 4, 1]);
  expect(positionsNeeded([3, 65], 512)).toBe(80);
  expect(positionsNeeded([511], 512)).toBe(512);
  expect(positionsNeeded([98], 100)).toBe(100);
});
