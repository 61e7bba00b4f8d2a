import { expect, test } from "vitest";
import { numberOf, textsOf } from "./flagValues.ts";

test("a flag may be given several times, with and without an equals sign", () => {
  const words = ["generate", "--stop", ",", "--prompt", "--stop-word", "--stop=\n\n", "--stopp", "x", "--stop"];
  expect(textsOf(words, "stop")).toEqual([",", "\n\n"]);
});

test("a number outside its bounds is refused by flag, bounds and value", () => {
  expect(numberOf({ "top-p": "0.9" }, "top-p", { least: 0, most: 1 })).toBe(0.9);
  expect(() => numberOf({ "top-p": "5" }, "top-p", { least: 0, most: 1 })).toThrow("--top-p: expected a number from 0 to 1, got 5.");
  expect(() => numberOf({ temperature: "-1" }, "temperature", { least: 0 })).toThrow("--temperature: expected a number from 0 on, got -1.");
  expect(() => numberOf({ temperature: "hot" }, "temperature", { least: 0 })).toThrow(
    '--temperature: expected a number from 0 on, got "hot".',
  );
});
