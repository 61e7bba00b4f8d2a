import type { Conversation, RenderingWarning } from "../segment.ts";
import { TemplateError } from "../templateError.ts";
import type { MarkedText } from "./markedText.ts";

const usualRoles: ReadonlySet<string> = new Set(["system", "developer", "user", "assistant", "tool"]);

/**
 * What a chat template left out of the text without a word.
 * @throws TemplateError `unknown-role` where it left out a message because it does not know its role
 */
export function ignoredFields(name: string, { messages, tools }: Conversation, rendered: MarkedText): RenderingWarning[] {
  const written = new Set(rendered.runs.map(({ origin }) => origin && `${origin.message}/${topField(origin.field)}`));
  const turns = new Set(rendered.runs.map(({ turn, origin }) => turn ?? origin?.message));
  const warnings: RenderingWarning[] = [];
  const warn = (code: RenderingWarning["code"], index: number | null, what: string): void => {
    warnings.push({ code, index, message: `Template "${name}" leaves out ${what}${index === null ? "" : ` of message ${index}`}.` });
  };
  if (tools?.length && !written.has("null/tools")) warn("tools-ignored", null, "the tool definitions");
  messages.forEach(({ role, content, tool_calls, reasoning_content }, i) => {
    if (!turns.has(i) && !usualRoles.has(role)) {
      throw new TemplateError(
        "unknown-role",
        `Template "${name}" writes nothing for message ${i}, whose role is "${role}".`,
        "Rename the role to one that the template knows, or drop the message.",
        {
          role,
          message: i,
        },
      );
    }
    // The template wrote the message whole, as JSON.
    if (written.has(`${i}/`)) return;
    if (content.trim() !== "" && !written.has(`${i}/content`))
      warn(role === "system" ? "system-ignored" : "message-ignored", i, "the content");
    if (tool_calls?.length && !written.has(`${i}/tool_calls`)) warn("tool-calls-ignored", i, "the tool calls");
    // Thoughts of earlier answers are left out by design (see expandTurns).
    if (reasoning_content && i === messages.length - 1 && !written.has(`${i}/reasoning_content`))
      warn("reasoning-ignored", i, "the reasoning");
  });
  return warnings;
}

const topField = (field: string): string => field.split(".", 1)[0]!;
