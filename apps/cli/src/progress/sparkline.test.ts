import { expect, test } from "vitest";
import { formatDuration } from "./duration.ts";
import { sparkline } from "./sparkline.ts";

test("a sparkline spans the range of its values, averages groups, and passes over what is not finite", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([0, 0, 7, 7], 2)).toBe("▁█");
  expect(sparkline([NaN, 3, Infinity, 3], 10)).toBe("▁▁");
  expect(sparkline([], 5)).toBe("");
});

test.each([
  [0, "0 s"],
  [59_400, "59 s"],
  [59_600, "1 min 00 s"],
  [3_599_000, "59 min 59 s"],
  [3_900_000, "1 h 05 min"],
  [-5, "0 s"],
])("%i ms is %s", (milliseconds, words) => {
  expect(formatDuration(milliseconds)).toBe(words);
});
