import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { inputLines } from "./inputLines.ts";

test("lines end at \\n alone, whatever the chunks", async () => {
  const bytes = Buffer.from('"a\u2028é"\r\n\n"b\rc"\n"last"');
  for (const size of [1, 2, 5, 100]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
    const lines: string[] = [];
    for await (const line of inputLines(Readable.from(chunks, { objectMode: false }))) lines.push(line);
    expect(lines).toEqual(['"a\u2028é"', "", '"b\rc"', '"last"']);
  }
});
