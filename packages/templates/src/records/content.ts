import type { Message } from "../segment.ts";
import { RecordError, type RecordPlace } from "./recordError.ts";
import { isAbsent, isObject, requiredText, wrongType } from "./rowFields.ts";

interface ReadContent {
  readonly content: string;
  readonly parts?: Message["parts"];
  /** From parts that carry `train` or `weight` of their own. */
  readonly spans?: Message["spans"];
  readonly isNull?: boolean;
}

/** A message's content: a string, a list of text parts (a part may carry `train` or `weight`), or null beside tool calls. */
export function readContent(value: unknown, field: string, place: RecordPlace, { mayBeNull }: { mayBeNull: boolean }): ReadContent {
  if (typeof value === "string") return { content: value };
  if (isAbsent(value)) {
    if (mayBeNull) return { content: "", isNull: true };
    throw new RecordError("missing-field", `"${field}" is missing or null.`, "A message needs a text, unless it has tool calls.", {
      field,
      place,
    });
  }
  if (!Array.isArray(value)) throw wrongType(field, "a string or a list of parts", value, place);

  let content = "";
  const parts: { type: "text"; text: string }[] = [];
  const spans: { start: number; end: number; weight: number }[] = [];
  value.forEach((part: unknown, i) => {
    const at = `${field}.${i}`;
    if (!isObject(part)) throw wrongType(at, "a part {type, text}", part, place);
    if (!isAbsent(part.type) && part.type !== "text") {
      throw new RecordError(
        "unsupported-part",
        `"${at}" is a part of type "${String(part.type)}".`,
        "Only text can be trained on: remove the part or the row.",
        {
          field: at,
          place,
          details: { type: part.type },
        },
      );
    }
    const text = requiredText(part, "text", place, `${at}.`);
    const weight = partWeight(part, at, place);
    if (weight !== undefined) spans.push({ start: content.length, end: content.length + text.length, weight });
    parts.push({ type: "text", text });
    content += text;
  });
  return { content, parts, ...(spans.length > 0 && { spans }) };
}

function partWeight(part: Readonly<Record<string, unknown>>, at: string, place: RecordPlace): number | undefined {
  const { weight, train } = part;
  if (!isAbsent(weight)) {
    if (typeof weight === "number" && Number.isFinite(weight) && weight >= 0) return weight;
    throw wrongType(`${at}.weight`, "a finite number, 0 or more", weight, place);
  }
  if (isAbsent(train)) return undefined;
  if (typeof train === "boolean") return train ? 1 : 0;
  throw wrongType(`${at}.train`, "true or false", train, place);
}
