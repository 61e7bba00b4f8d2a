import type { ArgsDef } from "citty";
import { expect, test } from "vitest";
import { checkFlags } from "./checkFlags.ts";

const flags: ArgsDef = {
  data: { type: "string", alias: ["datasets"] },
  "max-steps": { type: "string" },
  columns: { type: "string" },
  stop: { type: "string" },
};

test("two values are refused where both look as if they counted", () => {
  expect(() => checkFlags("train", ["--data", "a.json", "--datasets=b.json"], flags, false)).toThrow(
    '--datasets is given twice, "a.json" and "b.json", and takes one value.',
  );
  expect(() => checkFlags("doctor", ["--columns", "input=a", "--columns", "output=b"], flags, false)).toThrow(
    "several are one value, with commas: --columns input=a,output=b.",
  );
  expect(() => checkFlags("eval", ["--data", "a.json", "--data", "a.json"], flags, false)).not.toThrow();
});

test("the last of two settings wins, and every stop counts", () => {
  const args = ["--max-steps", "3", "--max_steps", "5", "--stop", "a", "--stop", "b"];
  expect(checkFlags("train", args, flags, false)).toEqual(args.map((arg) => arg.replace("max_", "max-")));
});
