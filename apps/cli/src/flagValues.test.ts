import { expect, test } from "vitest";
import { textsOf } from "./flagValues.ts";

test("a flag may be given several times, with and without an equals sign", () => {
  const words = ["generate", "--stop", ",", "--prompt", "--stop-word", "--stop=\n\n", "--stopp", "x", "--stop"];
  expect(textsOf(words, "stop")).toEqual([",", "\n\n"]);
});
