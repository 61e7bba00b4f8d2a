import { expect, it } from "vitest";
import { reasoningRange } from "./reasoningRange.ts";

it.each<[string, string]>([
  ["<think>hm</think>\n\nyes", "<think>hm</think>\n\n"],
  [" \n<think>hm</think>yes", "<think>hm</think>"],
  ["hm</think> yes", "hm</think> "],
  ["</think>yes", "</think>"],
  ["yes", ""],
  ["<think>never closed", ""],
  ["yes <think>late</think>", ""],
  ["</think>a<think>b", ""],
  ["hm</think>a<think>b</think>", ""],
  ["<think></think>", "<think></think>"],
  ["<think>a</think>b  c", "<think>a</think>"],
])("of %j the thoughts are %j", (answer, thoughts) => {
  const [start, end] = reasoningRange(answer);
  expect(answer.slice(start, end)).toBe(thoughts);
});
