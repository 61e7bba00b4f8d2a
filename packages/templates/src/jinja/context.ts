import type { RenderOptions } from "../promptTemplate.ts";
import type { Conversation, Message } from "../segment.ts";
import { fromData, literal, type Origin } from "./markedText.ts";
import { strftime } from "./strftime.ts";
import { Callable, Dict, List, Text, textOf, toValue, type Value, wantText } from "./value.ts";

/** How `content` is handed over: parts as the list that they came as, or joined; a null content as null, or as "". */
export interface ContentForm {
  readonly partsAsList: boolean;
  readonly nullAsText: boolean;
}

/** The variables that a chat template reads, as transformers passes them. */
export function templateVariables(
  conversation: Conversation,
  options: RenderOptions,
  form: ContentForm,
  addGenerationPrompt: boolean,
): Map<string, Value> {
  const { bos, eos } = options.specialTokens ?? {};
  const { now } = options;
  const variables = new Map<string, Value>([
    ["messages", new List(conversation.messages.map((message, i) => messageValue(message, i, form)))],
    ["tools", conversation.tools?.length ? toValue(conversation.tools, { message: null, field: "tools" }) : null],
    ["documents", null],
    ["add_generation_prompt", addGenerationPrompt],
  ]);
  if (bos !== undefined) variables.set("bos_token", textOf(bos));
  if (eos !== undefined) variables.set("eos_token", textOf(eos));
  if (now) variables.set("strftime_now", new Callable(([format]) => textOf(strftime(now, wantText(format).text))));
  for (const [name, value] of Object.entries(options.variables ?? {})) variables.set(name, toValue(value));
  return variables;
}

/** A role that is plain words cannot spell a control token and counts as the template's text. */
const plainRole = /^[A-Za-z][A-Za-z0-9_ -]*$/;

function messageValue(message: Message, index: number, form: ContentForm): Dict {
  const at = (field: string): Origin => ({ message: index, field });
  const content = at("content");
  const entries = new Map<string, Value>();
  entries.set("role", new Text(plainRole.test(message.role) ? literal(message.role) : fromData(message.role, at("role"))));
  if (message.contentIsNull && !form.nullAsText) {
    entries.set("content", null);
  } else if (message.parts && form.partsAsList) {
    let start = 0;
    const parts = message.parts.map(({ type, text }) => {
      const part = new Dict(
        new Map<string, Value>([
          ["type", textOf(type)],
          ["text", new Text(fromData(text, content, start))],
        ]),
        content,
      );
      start += text.length;
      return part;
    });
    entries.set("content", new List(parts, content));
  } else {
    entries.set("content", new Text(fromData(message.content, content)));
  }
  for (const field of ["reasoning_content", "tool_calls", "name", "tool_call_id"] as const) {
    if (message[field] !== undefined) entries.set(field, toValue(message[field], at(field)));
  }
  for (const [key, value] of Object.entries(message.extra ?? {})) if (!entries.has(key)) entries.set(key, toValue(value, at(key)));
  return new Dict(entries, at(""), index);
}
