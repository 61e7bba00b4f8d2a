import { expect, it } from "vitest";
import { floatText, intText, jsonFloat } from "./pythonFloat.ts";
import { pythonJson } from "./pythonJson.ts";

// Each expected text is what CPython 3.11 prints: json.dumps(value, ensure_ascii=False), repr(value).
it.each<[unknown, string]>([
  [{ a: 1, b: [true, null, "x"] }, '{"a": 1, "b": [true, null, "x"]}'],
  [[], "[]"],
  [{}, "{}"],
  [[1, [2, {}]], "[1, [2, {}]]"],
  [{ a: undefined, b: 1 }, '{"b": 1}'],
  [undefined, "null"],
  [null, "null"],
  ['é"\\\n', '"é\\"\\\\\\n"'],
  [1e-7, "1e-07"],
  [2.5, "2.5"],
  [100000000000, "100000000000"],
])("%j as JSON", (value, text) => {
  expect(pythonJson(value)).toBe(text);
});

it.each<[number, string]>([
  [1, "1.0"],
  [-0, "-0.0"],
  [0, "0.0"],
  [0.1, "0.1"],
  [0.0001, "0.0001"],
  [0.00001, "1e-05"],
  [-0.00001234, "-1.234e-05"],
  [1e15, "1000000000000000.0"],
  [9999999999999998, "9999999999999998.0"],
  [1e16, "1e+16"],
  [1.5e300, "1.5e+300"],
  [5e-324, "5e-324"],
  [Infinity, "inf"],
  [-Infinity, "-inf"],
  [NaN, "nan"],
])("the float %d", (value, text) => {
  expect(floatText(value)).toBe(text);
});

it.each<[number, string]>([
  [2, "2.0"],
  [Infinity, "Infinity"],
  [-Infinity, "-Infinity"],
  [NaN, "NaN"],
])("the float %d in JSON", (value, text) => {
  expect(jsonFloat(value)).toBe(text);
});

it("ints have no exponent", () => {
  expect(intText(2 ** 64)).toBe("18446744073709551616");
  expect(intText(-3)).toBe("-3");
});
