/**
 * Splits text that arrives in pieces at "\n", "\r\n" and "\r", mixed as they may be, and at nothing else
 * (node:readline also splits at U+2028, which JSON strings may hold). Lines count from 1.
 */
export async function* textLines(chunks: AsyncIterable<string>): AsyncGenerator<{ line: number; text: string }> {
  let rest = "";
  let line = 1;
  let afterReturn = false;
  for await (const chunk of chunks) {
    if (chunk === "") continue;
    // A "\n" that only completes the "\r" with which the piece before ended.
    const start = afterReturn && chunk[0] === "\n" ? 1 : 0;
    afterReturn = chunk.at(-1) === "\r";
    const parts = chunk.slice(start).split(/\r\n|\n|\r/);
    parts[0] = rest + parts[0];
    rest = parts.pop()!;
    for (const text of parts) yield { line: line++, text };
  }
  if (rest !== "") yield { line, text: rest };
}
