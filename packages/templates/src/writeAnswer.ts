import { reasoningRange } from "./reasoningRange.ts";
import type { Message, SpanClass } from "./segment.ts";
import type { SegmentList, TurnPlace } from "./segmentList.ts";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { unsupportedField } from "./templateError.ts";
import { toolCallText } from "./toolCallText.ts";

/** Writes an assistant's turn: its header, thoughts, words, tool calls, terminator. `eos` is asked for where a style ends in it. */
export function writeAnswer(
  out: SegmentList,
  { name, assistant }: TemplateDefinition,
  message: Message,
  index: number,
  eos: () => string,
): void {
  const place = { role: "assistant", message: index };
  out.generationPrompt(assistant.before, { ...place, part: "header" });
  const body = (spanClass?: SpanClass): TurnPlace => ({ ...place, part: "body", ...(spanClass && { spanClass }) });
  if (message.reasoning_content) {
    if (!assistant.reasoning)
      throw unsupportedField(name, "reasoning_content", index, "reasoning", "Use a reasoning model's template, or remove the field.");
    out.template(assistant.reasoning.before, body("reasoning"));
    out.content(message.reasoning_content, body("reasoning"), "reasoning_content");
    out.template(assistant.reasoning.after, body("reasoning"));
  }
  writeWords(out, assistant.reasoning, message.content, body);
  message.tool_calls?.forEach((call, i) => {
    if (!assistant.toolCall)
      throw unsupportedField(name, "tool_calls", index, "tool calls", "Use the model's own chat template (createJinjaTemplate).");
    const first = i === 0 && message.content === "";
    out.template((first ? "" : assistant.toolCall.between) + assistant.toolCall.before, body("toolCall"));
    out.content(toolCallText(call), body("toolCall"), `tool_calls.${i}`);
    out.template(assistant.toolCall.after, body("toolCall"));
  });
  out.control(assistant.terminator === "eos" ? eos() : assistant.terminator, { ...place, part: "terminator" });
  out.template(assistant.after ?? "", { ...place, part: "afterTerminator" });
}

/**
 * An answer's words. Thoughts at their start, in the style's own markup, are written as `reasoning_content` is: the tags
 * are the template's, so that a tokenizer may read them as the tokens that a reasoning model has for them.
 */
function writeWords(
  out: SegmentList,
  reasoning: TemplateDefinition["assistant"]["reasoning"],
  content: string,
  body: (spanClass?: SpanClass) => TurnPlace,
): void {
  const close = reasoning && content.startsWith(reasoning.before) ? content.indexOf(reasoning.after, reasoning.before.length) : -1;
  if (reasoning && close >= 0) {
    out.template(reasoning.before, body("reasoning"));
    out.content(content.slice(reasoning.before.length, close), body("reasoning"), "content", reasoning.before.length);
    out.template(reasoning.after, body("reasoning"));
    out.content(content.slice(close + reasoning.after.length), body(), "content", close + reasoning.after.length);
    return;
  }
  const [, thoughts] = content.startsWith("<think>") ? reasoningRange(content) : [0, 0];
  out.content(content.slice(0, thoughts), body("reasoning"), "content");
  out.content(content.slice(thoughts), body(), "content", thoughts);
}
