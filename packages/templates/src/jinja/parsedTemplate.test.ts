import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readRecord } from "../records/readRecord.ts";
import { TemplateError } from "../templateError.ts";
import { defaultLimits } from "./budget.ts";
import { ParsedTemplate } from "./parsedTemplate.ts";

export interface GoldenChat {
  readonly template: "own" | "chatml-generation";
  readonly name: string;
  readonly messages: readonly unknown[];
  readonly tools: readonly unknown[] | null;
  readonly add_generation_prompt?: boolean;
  readonly text?: string;
  readonly generation_char_spans?: readonly [number, number][] | null;
  readonly error?: string;
}
interface GoldenModel {
  readonly special: { readonly bos_token?: string; readonly eos_token?: string };
  readonly chat_template: string | null;
  readonly chatml_generation_template: string;
  readonly chats: readonly GoldenChat[];
}
const golden = JSON.parse(readFileSync(new URL("../../golden/chats.json", import.meta.url), "utf8")) as Record<string, GoldenModel>;

describe.each(Object.entries(golden))("%s", (model, { special, chats, ...sources }) => {
  it.each(chats)("renders $template $name as transformers does", (chat) => {
    const source = chat.template === "own" ? sources.chat_template! : sources.chatml_generation_template;
    const template = new ParsedTemplate(model, source, defaultLimits);
    const conversation = readRecord({ messages: chat.messages, tools: chat.tools });
    const options = { specialTokens: { bos: special.bos_token, eos: special.eos_token } };
    const render = (): string => template.render(conversation, options, { partsAsList: false, nullAsText: false }, chat.add_generation_prompt ?? false).text;
    if (chat.error) expect(render).toThrow(TemplateError);
    else expect(render()).toBe(chat.text);
  });
});
