import { expect, it } from "vitest";
import { splitControlText } from "./controlText.ts";

const split = (text: string, extra?: readonly string[]): string[] =>
  splitControlText(text, extra).map((run) => (run.control ? `[${run.text}]` : run.text));

it.each<[string, readonly string[] | undefined, string[]]>([
  ["plain", undefined, ["plain"]],
  ["", undefined, []],
  ["<|a|>", undefined, ["[<|a|>]"]],
  ["x<|a|><s>y</s>", undefined, ["x", "[<|a|>]", "[<s>]", "y", "[</s>]"]],
  ["<|a b|> <b> [INST]", undefined, ["<|a b|> <b> [INST]"]],
  ["<bos><start_of_turn>user<end_of_turn>", undefined, ["[<bos>]", "[<start_of_turn>]", "user", "[<end_of_turn>]"]],
  ["<｜User｜>hi", undefined, ["[<｜User｜>]", "hi"]],
  ["aXXbX", ["X"], ["a", "[X]", "[X]", "b", "[X]"]],
  ["aXXb", ["X", "XX"], ["a", "[XX]", "b"]],
  ["aXXb", ["XX", "X"], ["a", "[XX]", "b"]],
  ["bXa<s>", ["a", "X", ""], ["b", "[X]", "[a]", "[<s>]"]],
  ["<s>X", ["<s>X"], ["[<s>X]"]],
  ["aXYZ", ["XY", "YZ"], ["a", "[XY]", "Z"]],
])("%j with %j", (text, extra, runs) => {
  expect(split(text, extra)).toEqual(runs);
});
