import { pythonJson } from "./pythonJson.ts";

/** A tool call as {"name": ..., "arguments": ...}, whether it came as OpenAI's { type, function } or bare. */
export function toolCallText(call: unknown): string {
  const outer = call as { function?: unknown };
  const { name, arguments: given } = (outer.function ?? outer) as { name?: unknown; arguments?: unknown };
  const json = typeof given === "string" ? given : pythonJson(given ?? {});
  return `{"name": ${pythonJson(name ?? "")}, "arguments": ${json}}`;
}
