import type { ArgsDef } from "citty";
import { expect, test } from "vitest";
import { checkFlags } from "./checkFlags.ts";
import { recipeFlags } from "./runConfig/recipeFlags.ts";

const flags: ArgsDef = {
  data: { type: "string", alias: ["datasets"] },
  "max-steps": { type: "string" },
  columns: { type: "string" },
  stop: { type: "string" },
  json: { type: "boolean" },
};

test("two values are refused where both look as if they counted", async () => {
  await expect(checkFlags("train", ["--data", "a.json", "--datasets=b.json"], flags, false)).rejects.toThrow(
    '--datasets is given twice, "a.json" and "b.json", and takes one value.',
  );
  await expect(checkFlags("doctor", ["--columns", "input=a", "--columns", "output=b"], flags, false)).rejects.toThrow(
    "several are one value, with commas: --columns input=a,output=b.",
  );
  await expect(checkFlags("eval", ["--data", "a.json", "--data", "a.json"], flags, false)).resolves.toBeDefined();
});

test("the last of two settings wins, and every stop counts", async () => {
  const args = ["--max-steps", "3", "--max_steps", "5", "--stop", "a", "--stop", "b"];
  expect(await checkFlags("train", args, flags, false)).toEqual(args.map((arg) => arg.replace("max_", "max-")));
});

test.each([
  ["--num_train_epochs=3", "sft train has no option --num-train-epochs.\nThat is --num-epochs here."],
  ["--train.micro_batch_size=3", "That is --micro-batch-size here."],
  ["--train_on_inputs", "That is --train-on all here."],
  ["--mask-prompt", "That is the default here; --train-on says otherwise."],
  ["--optim=lion_32bit", "That is --optimizer here."],
])("another tool's flag %s is told its name here", async (flag, message) => {
  await expect(checkFlags("train", [flag], recipeFlags(), false)).rejects.toThrow(message);
});

test("a recipe's key is told the flag of a verb that reads none", async () => {
  const rowFlags: ArgsDef = { tokenizer: { type: "string" }, mask: { type: "string" }, "max-length": { type: "string" } };
  await expect(checkFlags("preview", ["--train_on", "last"], rowFlags, false)).rejects.toThrow("That is --mask here.");
  await expect(checkFlags("preview", ["--max_seq_length", "9"], rowFlags, false)).rejects.toThrow("That is --max-length here.");
  await expect(checkFlags("preview", ["--lora_r", "9"], rowFlags, false)).rejects.toThrow("sft preview --help shows the options.");
});

test.each([[["--json", "True"]], [["--json=yes"]], [["--no-json=true"]], [["--json="]]])(
  "a switch refuses the value of %j",
  async (args) => {
    await expect(checkFlags("train", args, flags, false)).rejects.toThrow(
      /is a switch and takes no value, got .*\nWrite --json or --no-json\./,
    );
  },
);

test("a switch may be written with =False, which turns it off", async () => {
  expect(await checkFlags("train", ["--json=False"], flags, false)).toEqual(["--json=false"]);
  expect(await checkFlags("train", ["--json", "recipe.yaml"], { ...flags, recipe: { type: "positional" } }, false)).toEqual([
    "--json",
    "recipe.yaml",
  ]);
});

test("a flag is no other flag's value, as where a shell's variable is empty", async () => {
  await expect(checkFlags("train", ["--data", "--max-steps", "3"], flags, false)).rejects.toThrow(
    "--data needs a value, and --max-steps follows it.",
  );
  expect(await checkFlags("train", ["--stop", "--", "--data=--max-steps"], flags, true)).toHaveLength(3);
  expect(await checkFlags("train", ["--stop", "--end--"], flags, false)).toEqual(["--stop", "--end--"]);
});
