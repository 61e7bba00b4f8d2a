import { describe, expect, it } from "vitest";
import { createMaskPolicy } from "./index.ts";
import { encodeWords, warningCodes } from "./testing/encodeWords.ts";
import { promptAnswer } from "./testing/renderings.ts";

describe("warnings of missing terminators", () => {
  const open = promptAnswer("Foo", "Bar", { after: " Out: ", eos: "" });
  it("are for trained answers whose terminator should be trained", () => {
    expect(warningCodes(encodeWords(open))).toEqual(["no-terminator"]);
    expect(warningCodes(encodeWords(open, { mask: createMaskPolicy("last", { terminator: false }) }))).toEqual([]);
    expect(warningCodes(encodeWords(open, { mask: createMaskPolicy("last", { classWeights: { terminator: 0 } }) }))).toEqual([]);
    expect(
      warningCodes(encodeWords(promptAnswer("Foo", "Bar", { after: " Out: " }), { mask: createMaskPolicy("last", { terminator: "eos" }) })),
    ).toEqual([]);
    expect(warningCodes(encodeWords(open, { mask: createMaskPolicy("last", { body: false }) }))).toEqual(["all-masked"]);
  });
});
