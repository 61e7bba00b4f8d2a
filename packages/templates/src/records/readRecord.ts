import type { Conversation, RecordFormat } from "../segment.ts";
import { readAlpaca } from "./alpaca.ts";
import { readMessages } from "./messages.ts";
import { readPromptCompletion } from "./promptCompletion.ts";
import { RecordError, type RecordPlace } from "./recordError.ts";
import { isAbsent, isObject, type Row, sameNames, wrongType } from "./rowFields.ts";
import { readShareGpt } from "./shareGpt.ts";
import { readText } from "./text.ts";

/** A record format: the keys that tell it, further keys that it reads, its reader, and the template that suits it when nobody names one. */
interface Format {
  readonly keys: readonly string[];
  readonly also: readonly string[];
  readonly read: (row: Row, place: RecordPlace) => Conversation;
  readonly template: string;
}

/** Looked through from the top; the first whose keys are all present (and not null) is taken. */
const formats: Readonly<Record<RecordFormat, Format>> = {
  messages: { keys: ["messages"], also: ["tools"], read: readMessages, template: "chatml" },
  sharegpt: { keys: ["conversations"], also: ["system", "tools"], read: readShareGpt, template: "chatml" },
  alpaca: { keys: ["instruction"], also: ["input", "output", "system", "sys_prompt", "history"], read: readAlpaca, template: "alpaca" },
  "prompt-completion": { keys: ["prompt", "completion"], also: ["tools"], read: readPromptCompletion, template: "default" },
  text: { keys: ["text"], also: [], read: readText, template: "text" },
};

/** Names of the formats, in the order in which they are looked for. */
export const recordFormats: readonly RecordFormat[] = Object.keys(formats) as RecordFormat[];

/** Every field of a row that some format reads. */
export const recordFields: readonly string[] = [...new Set(Object.values(formats).flatMap(({ keys, also }) => [...keys, ...also]))];

export interface ReadRecordOptions extends RecordPlace {
  /** Reads the row as this format instead of detecting it. */
  readonly format?: RecordFormat;
}

/**
 * Reads one row of training data.
 * @throws RecordError saying which field of which row is wrong, what was expected and what came
 */
export function readRecord(row: unknown, { format, ...place }: ReadRecordOptions = {}): Conversation {
  if (!isObject(row)) throw wrongType("row", "an object", row, place);
  const found = format ?? detectRecordFormat(row);
  if (!found) {
    const alike = sameNames(row, recordFields);
    throw new RecordError(
      "unknown-format",
      `Its keys are ${
        Object.keys(row)
          .map((key) => `"${key}"`)
          .join(", ") || "none"
      }, which is no known record format.`,
      "Expected messages; conversations; instruction and output; prompt and completion; or text. " +
        (alike.length > 0 ? `Rename ${alike.join(", ")}.` : "Name the format or rename the columns."),
      { place, details: { keys: Object.keys(row) } },
    );
  }
  return { ...formats[found].read(row, place), record: { format: found, ...place } };
}

/** The format whose keys a row has; null if none. */
export function detectRecordFormat(row: Readonly<Record<string, unknown>>): RecordFormat | null {
  for (const [name, { keys }] of Object.entries(formats)) if (keys.every((key) => !isAbsent(row[key]))) return name as RecordFormat;
  return null;
}

/** Fields of a row that its format does not read and that say something: neither null nor "". */
export function unreadFields(row: Readonly<Record<string, unknown>>, format: RecordFormat): string[] {
  const { keys, also } = formats[format];
  return Object.keys(row).filter((name) => !keys.includes(name) && !also.includes(name) && !isAbsent(row[name]) && row[name] !== "");
}

/** Name of the template that suits a format when nobody names one. */
export function defaultTemplateName(format: RecordFormat): string {
  return formats[format].template;
}
