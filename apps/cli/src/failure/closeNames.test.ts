import { expect, test } from "vitest";
import { closeNames, didYouMean } from "./closeNames.ts";

test("close names come by edit distance, where a swap of neighbours is one edit", () => {
  expect(closeNames("max_stpes", ["max_steps", "max_tapes", "seed"])).toEqual(["max_steps", "max_tapes"]);
  expect(closeNames("zebra", ["train", "eval"])).toEqual([]);
  expect(didYouMean("zebra", ["train"], "Verbs: train.")).toBe("Verbs: train.");
});
