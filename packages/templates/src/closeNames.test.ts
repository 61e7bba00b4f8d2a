import { expect, it } from "vitest";
import { closeNames } from "./closeNames.ts";

it.each<[string, readonly string[], string[]]>([
  ["alpaka", ["vicuna", "alpaca"], ["alpaca"]],
  ["ab", ["cd", "ad", "xyz"], ["ad", "cd"]],
  ["abc", ["axy", "abz", "abcd"], ["abz", "abcd", "axy"]],
  ["ALPACA", ["alpaca"], ["alpaca"]],
  ["llama-2-chat", ["llama2", "llama", "llama-2-chat-hf"], ["llama", "llama-2-chat-hf"]],
  ["abcdefghi", ["abcdefxyz", "abcdewxyz"], ["abcdefxyz"]],
  ["a", ["a1", "a2", "a3", "a4"], ["a1", "a2", "a3"]],
  ["abc", ["ab"], ["ab"]],
  ["kitten", ["sitting", "kitchen"], ["kitchen"]],
])("near %j of %j are %j", (wanted, names, near) => {
  expect(closeNames(wanted, names)).toEqual(near);
});
