import { expect, it } from "vitest";
import { SegmentList, type TurnPlace } from "./segmentList.ts";

const place: TurnPlace = { role: "user", message: 0, part: "header" };
const texts = (write: (list: SegmentList) => void, controlTokens?: readonly string[]): string[] => {
  const list = new SegmentList(controlTokens);
  write(list);
  return list.segments.map(({ text }) => text);
};

it("joins template text that differs in nothing", () => {
  expect(texts((list) => ["a", "", "b"].forEach((text) => list.template(text, place)))).toEqual(["ab"]);
  expect(texts((list) => ["a", "b"].forEach((text) => list.generationPrompt(text, place)))).toEqual(["ab"]);
});

it.each<[string, TurnPlace]>([
  ["role", { ...place, role: "system" }],
  ["message", { ...place, message: 1 }],
  ["part", { ...place, part: "body" }],
  ["class", { ...place, spanClass: "reasoning" }],
  ["generation", { ...place, generation: true }],
])("keeps text of another %s apart", (_, other) => {
  const both = texts((list) => {
    list.template("a", place);
    list.template("b", other);
  });
  expect(both).toEqual(["a", "b"]);
});

it("never joins control tokens or the record's words", () => {
  const written = texts(
    (list) => {
      list.template("x<|a|><|b|>y", place);
      list.control("c", place);
      list.control("d", place);
      list.content("e", place, "content");
      list.content("f", place, "content", 1);
      list.content("", place, "content", 2);
    },
    ["y"],
  );
  expect(written).toEqual(["x", "<|a|>", "<|b|>", "y", "c", "d", "e", "f"]);
});
