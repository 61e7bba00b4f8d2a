import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type GoldenChat, goldenModels } from "../../golden/goldenChats.ts";
import { readRecord } from "../records/readRecord.ts";
import type { Segment } from "../segment.ts";
import { TemplateError } from "../templateError.ts";
import { createJinjaTemplate } from "./createJinjaTemplate.ts";

const textOf = (segments: readonly Segment[]): string => segments.map(({ text }) => text).join("");

/** Runs of segments inside generation blocks, in code points. */
function generationSpans(segments: readonly Segment[]): [number, number][] {
  const spans: [number, number][] = [];
  let position = 0;
  for (const { text, generation } of segments) {
    const end = position + [...text].length;
    if (generation && spans.at(-1)?.[1] === position) spans.at(-1)![1] = end;
    else if (generation) spans.push([position, end]);
    position = end;
  }
  return spans;
}

describe.each(Object.entries(goldenModels))("%s's conversations", (model, { special, chats, ...sources }) => {
  const templates = { own: sources.chat_template, "chatml-generation": sources.chatml_generation_template };
  const specialTokens = { bos: special.bos_token, eos: special.eos_token };

  describe.each(chats)("$template $name", (chat) => {
    const template = createJinjaTemplate(templates[chat.template]!, { name: model });
    const conversation = readRecord({ messages: chat.messages, tools: chat.tools });

    if (chat.error) {
      it("is refused with the template's own words", () => {
        const error = new TemplateError("template-raised", "", "");
        expect(() => template.render(conversation, { specialTokens })).toThrow(expect.objectContaining({ code: error.code }));
        expect(() => template.render(conversation, { specialTokens })).toThrow(chat.error!.replace("TemplateError: ", ""));
      });
      return;
    }
    const options = { specialTokens, addGenerationPrompt: chat.add_generation_prompt };
    const { segments } = template.render(conversation, options);

    it("has transformers' text", () => expect(textOf(segments)).toBe(chat.text));

    it("has transformers' generation spans", () => expect(generationSpans(segments)).toEqual(chat.generation_char_spans ?? []));

    it("knows where each word of the record stands", () => {
      for (const { kind, field, message, fieldStart, text } of segments) {
        if (kind !== "content" || field !== "content") continue;
        expect(conversation.messages[message!]!.content.slice(fieldStart, fieldStart + text.length)).toBe(text);
      }
      for (const { role, content } of conversation.messages) {
        if (role !== "user") continue;
        const words = segments.filter((segment) => segment.role === "user" && segment.kind === "content").map(({ text }) => text);
        expect(words).toContain(
          model === "gemma3" || model === "llama3_1" ? (chat.template === "own" ? content.trim() : content) : content,
        );
      }
    });

    it("ends each answer in one terminator and opens each with the generation prompt", () => {
      conversation.messages.forEach(({ role }, message) => {
        if (role !== "assistant") return;
        const turn = segments.filter((segment) => segment.message === message);
        const parts = turn.map(({ part }) => part);
        expect(parts).toEqual([...parts].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
        expect(textOf(turn.filter(({ part }) => part === "terminator"))).toBe(
          template.terminators[0] === "eos" ? special.eos_token : template.terminators[0],
        );
        expect(turn[0]).toMatchObject({ kind: "generationPrompt", part: "header" });
      });
    });

    it("cuts the prompt as an exact prefix of the training row", () => {
      if (conversation.messages.at(-1)!.role !== "assistant") return;
      const prompt = template.render(conversation, { specialTokens, addGenerationPrompt: true }).segments;
      expect(segments.slice(0, prompt.length)).toEqual(prompt);
      expect(prompt.at(-1)).toMatchObject({ kind: "generationPrompt", message: conversation.messages.length - 1 });
      expect(segments[prompt.length]).toMatchObject({ message: conversation.messages.length - 1 });
      expect(segments[prompt.length]!.part).not.toBe("header");
    });
  });
});

const order: readonly string[] = ["outside", "header", "body", "terminator", "afterTerminator"];

describe("Jinja2's renderings of random conversations (golden/makeJinjaCases.py)", () => {
  const cases = JSON.parse(readFileSync(new URL("../../golden/jinja-chats.json", import.meta.url), "utf8")) as readonly (Omit<
    GoldenChat,
    "template" | "name"
  > & { template: string })[];

  it.each(cases.map((chat, i) => ({ ...chat, i })))(
    "$template, conversation $i",
    ({ template, messages, tools, add_generation_prompt, text, error }) => {
      const model = goldenModels[template] ?? goldenModels.qwen3!;
      const source = template === "chatml-generation" ? model.chatml_generation_template : model.chat_template!;
      const specialTokens = { bos: model.special.bos_token, eos: model.special.eos_token };
      const render = (): string =>
        textOf(
          createJinjaTemplate(source).render(readRecord({ messages, tools }), { specialTokens, addGenerationPrompt: add_generation_prompt })
            .segments,
        );
      if (error) expect(render).toThrow(TemplateError);
      else expect(render()).toBe(text);
    },
  );
});
