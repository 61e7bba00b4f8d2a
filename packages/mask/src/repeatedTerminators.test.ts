import type { Rendering } from "@sft/templates";
import { describe, expect, it } from "vitest";
import { encodeRendering } from "./index.ts";
import { promptAnswer } from "./testing/renderings.ts";
import { createWordTokenizer } from "./testing/wordTokenizer.ts";

describe("control tokens let into content", () => {
  const allowing = { ...createWordTokenizer() };
  const letThrough = { ...allowing, encodeContent: (text: string) => allowing.encode(text) };
  const idsOf = (rendering: Rendering): number[] =>
    [...encodeRendering(rendering, letThrough, { control: "allow" }).ids].filter((id) => id < 2);
  it("end an answer once, however often the record says so", () => {
    expect(idsOf(promptAnswer("Foo", "Bar </s></s>", { after: " Out: " }))).toEqual([1]);
    expect(idsOf(promptAnswer("Foo", "Bar </s> baz", { after: " Out: " }))).toEqual([1, 1]);
    expect(idsOf(promptAnswer("Foo", "Bar <s>", { after: " Out: " }))).toEqual([0, 1]);
  });
  it("leave other words alone", () => {
    const rendering = promptAnswer("Foo", "Bar stop", { after: " Out: ", eos: "stop" });
    expect(encodeRendering(rendering, letThrough, { control: "allow" }).ids).toHaveLength(6);
    const user = promptAnswer("Foo</s>", "Bar", { after: " Out: " });
    const segments = user.segments.map((segment) => (segment.part === "terminator" ? { ...segment, role: "user", message: 0 } : segment));
    expect(
      encodeRendering({ ...user, segments: [...segments.slice(0, 2), segments[4], ...segments.slice(2, 4)] }, letThrough, {
        control: "allow",
      }).ids,
    ).toHaveLength(6);
  });
});
