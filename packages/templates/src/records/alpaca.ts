import type { Conversation, Message } from "../segment.ts";
import type { RecordPlace } from "./recordError.ts";
import { optionalArray, optionalText, requiredText, type Row, wrongType } from "./rowFields.ts";

/**
 * An alpaca row {instruction, input?, output, system? | sys_prompt?, history?: [question, answer][]}.
 * The question's `content` is the instruction, a blank line and the input; `fields` keeps the two apart.
 */
export function readAlpaca(row: Row, place: RecordPlace): Conversation {
  const messages: Message[] = [];
  const sysPrompt = optionalText(row, "sys_prompt", place);
  const system = sysPrompt ?? optionalText(row, "system", place);
  if (system) messages.push({ role: "system", content: system, ...(sysPrompt && { fields: { sys_prompt: sysPrompt } }) });

  (optionalArray(row, "history", place) ?? []).forEach((turn, i) => {
    if (!Array.isArray(turn) || turn.length !== 2 || turn.some((text) => typeof text !== "string")) {
      throw wrongType(`history.${i}`, "a pair of strings [question, answer]", turn, place);
    }
    messages.push({ role: "user", content: turn[0] }, { role: "assistant", content: turn[1] });
  });

  const instruction = requiredText(row, "instruction", place);
  const input = optionalText(row, "input", place) ?? "";
  messages.push({ role: "user", content: input === "" ? instruction : `${instruction}\n\n${input}`, fields: { instruction, input } });
  messages.push({ role: "assistant", content: requiredText(row, "output", place) });
  return { messages };
}
