import type { Conversation } from "../segment.ts";
import type { RecordPlace } from "./recordError.ts";
import { requiredText, type Row } from "./rowFields.ts";

/** A row {text}: raw text, read as one answer with no question. */
export function readText(row: Row, place: RecordPlace): Conversation {
  return { messages: [{ role: "assistant", content: requiredText(row, "text", place) }] };
}
