import * as fc from "fast-check";
import { expect, test } from "vitest";
import { textLines } from "./textLines.ts";

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts;
}

test("lines are the same however the text is cut, between the halves of a line break too", async () => {
  const piece = fc.array(fc.constantFrom("a", "\n", "\r", "\r\n", "\u2028", "é"), { maxLength: 6 }).map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (texts) => {
      const whole = texts.join("").split(/\r\n|\n|\r/);
      const expected = whole.map((text, i) => ({ line: i + 1, text }));
      if (whole.at(-1) === "") expected.pop();
      const lines: { line: number; text: string }[] = [];
      for await (const line of textLines(pieces(...texts))) lines.push(line);
      expect(lines).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});
