import { createTemplate } from "../createTemplate.ts";
import type { RenderOptions } from "../promptTemplate.ts";
import type { Conversation, Message } from "../segment.ts";
import type { TemplateDefinition } from "../templateDefinition.ts";

/** A line a segment: whose it is, which part and kind, from where in which field, and the text. */
export function segmentsOf(
  style: TemplateDefinition,
  messages: readonly Message[],
  options: RenderOptions = {},
  tools?: readonly unknown[],
): string {
  const conversation: Conversation = { messages, ...(tools && { tools }) };
  const { segments, warnings } = createTemplate(style).render(conversation, {
    specialTokens: { bos: "<s>", eos: "</s>" },
    ...options,
  });
  const lines = segments.map((segment) => {
    const { role, message, part, kind, field, fieldStart, spanClass, text } = segment;
    const source = field === null ? "" : ` ${field}@${fieldStart}`;
    return `${role ?? "-"} ${message ?? "-"} ${part}${spanClass ? `(${spanClass})` : ""} ${kind}${source}: ${JSON.stringify(text)}`;
  });
  return `\n${[...lines, ...(warnings ?? []).map(({ code, message }) => `${code}: ${message}`)].join("\n")}\n`;
}
