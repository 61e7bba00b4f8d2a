import type { Conversation } from "../segment.ts";
import { readMessageList, readTools } from "./messages.ts";
import type { RecordPlace } from "./recordError.ts";
import { requiredText, type Row } from "./rowFields.ts";

/**
 * A row {prompt, completion}, each a string or a list of messages.
 * Answers inside a prompt list are context: they are read with `train: false` unless they say otherwise.
 */
export function readPromptCompletion(row: Row, place: RecordPlace): Conversation {
  const tools = readTools(row, place);
  const prompt = Array.isArray(row.prompt)
    ? readMessageList(row, "prompt", place).map((message) => (message.role === "assistant" ? { train: false, ...message } : message))
    : [{ role: "user", content: requiredText(row, "prompt", place) }];
  const completion = Array.isArray(row.completion)
    ? readMessageList(row, "completion", place)
    : [{ role: "assistant", content: requiredText(row, "completion", place) }];
  return { messages: [...prompt, ...completion], ...(tools && { tools }) };
}
