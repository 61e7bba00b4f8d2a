import type { Readable } from "node:stream";

/**
 * Lines of a stream of UTF-8, without their ends. Only \n (and \r\n) ends a line: node:readline also cuts at U+2028, which
 * JSON allows inside a string.
 */
export async function* inputLines(stream: Readable): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  if (rest !== "") yield rest;
}
