import { readFile } from "node:fs/promises";
import { LineCounter, parseDocument, type Document } from "yaml";
import { usageError } from "../failure/cliError.ts";

/** A recipe's text as parsed, able to say where a key stands. */
export interface ConfigText {
  readonly values: Readonly<Record<string, unknown>>;
  /** "recipe.yaml:3:14" of the value, or of the key itself; the file alone when the path is not in it. */
  place(path: readonly PropertyKey[], part?: "key" | "value"): string;
}

/**
 * Reads a YAML (or JSON) recipe.
 * @throws CliError "bad-config" with file, line and column for bad syntax or a file that is no mapping
 */
export async function readConfigText(path: string): Promise<ConfigText> {
  if (/\.(jsonl|ndjson|csv|tsv|parquet)(\.gz)?$/i.test(path))
    throw usageError(
      "bad-config",
      `${path}: expected a recipe, and by its name this is a file of rows.`,
      "Rows are given with --data; a recipe is a YAML file.",
    );
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    const problem = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : `it cannot be read (${code})`;
    throw usageError(
      "bad-config",
      `${path}: expected a recipe, but ${problem}.`,
      "Give the path of a YAML file; `sft schema` prints what it may hold.",
    );
  }
  return parseConfigText(text, path);
}

/** As {@link readConfigText}, of text that is there already. */
export function parseConfigText(text: string, path: string): ConfigText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [fault] = document.errors;
  if (fault)
    throw usageError("bad-config", `${at(fault.pos[0])}: not valid YAML: ${fault.message}`, "Mend the file; indentation counts in YAML.");
  const values: unknown = document.toJS() ?? {};
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw usageError(
      "bad-config",
      `${path}: expected keys and values, found ${Array.isArray(values) ? "a list" : `the ${typeof values} ${JSON.stringify(values)}`}.`,
      "Write one `key: value` a line.",
    );
  }
  return {
    values: values as Record<string, unknown>,
    place(keys, part = "value") {
      const offset = offsetOf(document, keys, part);
      return offset === undefined ? path : at(offset);
    },
  };
}

/** Offset of a key's node; of the nearest parent's when the key itself is missing. */
function offsetOf(document: Document, keys: readonly PropertyKey[], part: "key" | "value"): number | undefined {
  for (let depth = keys.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true);
    const pairs = (parent as { items?: readonly unknown[] } | null)?.items ?? [];
    for (const [index, item] of pairs.entries()) {
      const pair = item as {
        key?: { value?: unknown; range?: readonly number[] };
        value?: { range?: readonly number[] } | null;
        range?: readonly number[];
      };
      if (pair.key?.value === keys[depth - 1])
        return (part === "key" || depth < keys.length ? pair.key : (pair.value ?? pair.key)).range?.[0];
      if (pair.key === undefined && index === keys[depth - 1]) return pair.range?.[0];
    }
  }
  return undefined;
}
