import { readFile } from "node:fs/promises";
import { CheckpointError, readFailure } from "./checkpointError.ts";
import { JsonSyntaxError, parseStrictJson } from "./strictJson.ts";

/**
 * Reads a JSON file that must hold an object. Throws `CheckpointError`: "not-found", "unreadable", or "bad-json" with
 * file:line:column.
 */
export async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw readFailure(error, path);
  }
  let value: unknown;
  try {
    value = parseStrictJson(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const message = `${path}:${error.line}:${error.column}: ${error.reason}`;
    throw new CheckpointError("bad-json", path, message, "Mend the JSON there.", { cause: error });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const found = Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`;
  throw new CheckpointError("bad-json", path, `${path}:1:1: expected an object, found ${found}`, "Check the file.");
}

/** JSON as Hugging Face's tools lay it out: two spaces, one newline at the end. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
