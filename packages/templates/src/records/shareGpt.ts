import type { Conversation } from "../segment.ts";
import { readMessages } from "./messages.ts";
import { RecordError, type RecordPlace } from "./recordError.ts";
import { isAbsent, isObject, optionalArray, optionalText, requiredText, type Row, wrongType } from "./rowFields.ts";

/** The speakers that ShareGPT exports use, in today's words. */
const roles: ReadonlyMap<string, string> = new Map([
  ["human", "user"],
  ["user", "user"],
  ["gpt", "assistant"],
  ["assistant", "assistant"],
  ["chatgpt", "assistant"],
  ["bing", "assistant"],
  ["bard", "assistant"],
  ["model", "assistant"],
  ["system", "system"],
  ["tool", "tool"],
  ["observation", "tool"],
  ["function_response", "tool"],
  ["function_call", "function_call"],
]);

/** A ShareGPT row: {conversations: [{from, value, ...}], system?, tools?}; other keys of a turn are read as a message's. */
export function readShareGpt(row: Row, place: RecordPlace): Conversation {
  const turns = optionalArray(row, "conversations", place) ?? [];
  const messages: Row[] = turns.map((turn, i) => {
    const field = `conversations.${i}`;
    if (!isObject(turn)) throw wrongType(field, "a turn {from, value}", turn, place);
    if (isAbsent(turn.from) && !isAbsent(turn.role))
      throw new RecordError(
        "missing-field",
        `"${field}.from" is missing, and "${field}.role" is there.`,
        'Rename "conversations" to "messages": its turns are {role, content}.',
        { field: `${field}.from`, place },
      );
    const from = requiredText(turn, "from", place, `${field}.`);
    const role = roles.get(from.toLowerCase());
    if (!role) {
      throw new RecordError("unknown-role", `"${field}.from" is "${from}".`, `Known are ${[...roles.keys()].join(", ")}.`, {
        field: `${field}.from`,
        place,
        details: { from },
      });
    }
    const { from: _from, value, ...rest } = turn;
    return role === "function_call" ? toolCallMessage(value, `${field}.value`, place) : { ...rest, role, content: value };
  });
  const system = optionalText(row, "system", place);
  if (system && messages[0]?.role !== "system") messages.unshift({ role: "system", content: system });
  return readMessages({ messages, tools: row.tools }, place);
}

/** A `function_call` turn holds one call or a list of calls as JSON text. */
function toolCallMessage(value: unknown, field: string, place: RecordPlace): Row {
  const text = requiredText({ value }, "value", place, field.slice(0, -"value".length));
  try {
    const calls = [JSON.parse(text) as unknown].flat();
    return { role: "assistant", content: null, tool_calls: calls.map((call) => ({ type: "function", function: call })) };
  } catch {
    throw wrongType(field, "a tool call as JSON text", value, place);
  }
}
