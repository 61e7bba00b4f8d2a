import { expect, it } from "vitest";
import { erf } from "./erf.ts";

// Values of Python's math.erf. Four units in the last place (2.3e-16 of the value): a sum of some twenty rounded terms and a product.
it.each([
  [0, 0],
  [1e-8, 1.1283791670955126e-8],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [2, 0.9953222650189527],
  [2.9999, 0.9999778955735178],
  [3, 0.9999779095030014],
  [4, 0.9999999845827421],
  [5.5, 0.9999999999999927],
  [7, 1],
  [-1, -0.8427007929497149],
  [-3.5, -0.9999992569016276],
])("erf(%d) is Python's", (x, expected) => {
  expect(Math.abs(erf(x) - expected)).toBeLessThanOrEqual(4 * 2.3e-16 * Math.abs(expected));
});
