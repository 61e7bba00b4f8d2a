import type { Conversation, Message } from "../segment.ts";
import { readContent } from "./content.ts";
import { RecordError, type RecordPlace } from "./recordError.ts";
import { isAbsent, isObject, optionalArray, optionalText, requiredText, type Row, wrongType } from "./rowFields.ts";

const knownKeys: ReadonlySet<string> = new Set([
  "role",
  "content",
  "reasoning_content",
  "tool_calls",
  "name",
  "tool_call_id",
  "train",
  "weight",
  "spans",
]);

/** A row of OpenAI's form: {messages: [{role, content, ...}], tools?}. */
export function readMessages(row: Row, place: RecordPlace): Conversation {
  const tools = readTools(row, place);
  return { messages: readMessageList(row, "messages", place), ...(tools && { tools }) };
}

/** Tool definitions, as an array or as the JSON text that some data sets store. */
export function readTools(row: Row, place: RecordPlace): readonly unknown[] | undefined {
  if (typeof row.tools !== "string") return optionalArray(row, "tools", place);
  if (row.tools.trim() === "") return undefined;
  try {
    return optionalArray({ tools: JSON.parse(row.tools) as unknown }, "tools", place);
  } catch (error) {
    if (error instanceof RecordError) throw error;
    throw wrongType("tools", "an array or its JSON text", row.tools, place);
  }
}

/** A list of messages at `row[key]`; an empty list is refused. */
export function readMessageList(row: Row, key: string, place: RecordPlace): Message[] {
  const list = optionalArray(row, key, place);
  if (!list)
    throw new RecordError(
      "missing-field",
      `"${key}" is missing or null; a list of messages was expected.`,
      "Fill it in or remove the row.",
      { field: key, place },
    );
  if (list.length === 0) throw new RecordError("empty-conversation", `"${key}" is empty.`, "Remove the row.", { field: key, place });
  return list.map((message, i) => readMessage(message, `${key}.${i}`, place));
}

function readMessage(value: unknown, field: string, place: RecordPlace): Message {
  if (!isObject(value)) throw wrongType(field, "a message {role, content}", value, place);
  const prefix = `${field}.`;
  const role = requiredText(value, "role", place, prefix);
  const calls = optionalArray(value, "tool_calls", place, prefix);
  const toolCalls = calls && calls.length > 0 ? calls : undefined;
  const reasoning = optionalText(value, "reasoning_content", place, prefix);
  const content = readContent(value.content, `${prefix}content`, place, { mayBeNull: Boolean(toolCalls || reasoning) });
  const name = optionalText(value, "name", place, prefix);
  const toolCallId = optionalText(value, "tool_call_id", place, prefix);
  const { train, weight } = value;
  if (!isAbsent(train) && typeof train !== "boolean") throw wrongType(`${prefix}train`, "true or false", train, place);
  if (!isAbsent(weight) && !(typeof weight === "number" && Number.isFinite(weight) && weight >= 0)) {
    throw wrongType(`${prefix}weight`, "a finite number, 0 or more", weight, place);
  }
  const spans = readSpans(value, prefix, content.content, place) ?? content.spans;
  const extra = Object.fromEntries(Object.entries(value).filter(([key, item]) => !knownKeys.has(key) && !isAbsent(item)));
  return {
    role,
    content: content.content,
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...(toolCalls && { tool_calls: toolCalls }),
    ...(name !== undefined && { name }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...(typeof train === "boolean" && { train }),
    ...(typeof weight === "number" && { weight }),
    ...(spans && { spans }),
    ...(content.parts && { parts: content.parts }),
    ...(content.isNull && { contentIsNull: true }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

/** Character spans with weights, checked against the text they lie in. */
function readSpans(message: Row, prefix: string, content: string, place: RecordPlace): Message["spans"] {
  const list = optionalArray(message, "spans", place, prefix);
  return list?.map((span, i) => {
    const { start, end, weight } = isObject(span) ? span : {};
    const valid =
      Number.isInteger(start) &&
      Number.isInteger(end) &&
      typeof weight === "number" &&
      Number.isFinite(weight) &&
      weight >= 0 &&
      0 <= (start as number) &&
      (start as number) <= (end as number) &&
      (end as number) <= content.length;
    if (valid) return { start: start as number, end: end as number, weight };
    const field = `${prefix}spans.${i}`;
    throw new RecordError(
      "invalid-span",
      `"${field}" should be {start, end, weight} with 0 <= start <= end <= ${content.length} and weight >= 0.`,
      "Offsets count UTF-16 units, the end is exclusive.",
      {
        field,
        place,
        details: { span },
      },
    );
  });
}
