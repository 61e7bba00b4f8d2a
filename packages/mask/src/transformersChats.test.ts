import { readFileSync } from "node:fs";
import { TOKENIZER_NAMES, type TokenizerName, tokenizerFolder } from "@sft/fixtures";
import { createJinjaTemplate, readRecord, type Rendering } from "@sft/templates";
import type { Tokenizer } from "@sft/tokenizer";
import { loadTokenizer } from "@sft/tokenizer/node";
import { describe, expect, it } from "vitest";
import { encodeRendering } from "./index.ts";

// Written by transformers 5.17 (apply_chat_template) and kept by the two packages that make text and ids of them.
interface Chat {
  readonly template: "own" | "chatml-generation";
  readonly name: string;
  readonly messages: readonly unknown[];
  readonly tools: readonly unknown[] | null;
  readonly add_generation_prompt?: boolean;
  readonly text?: string;
  readonly ids?: readonly number[];
}
interface Model {
  readonly chat_template: string | null;
  readonly chatml_generation_template: string;
  readonly chats: readonly Chat[];
}
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const models = read("templates/golden/chats.json") as Record<TokenizerName, Model>;

async function differing(name: TokenizerName, mask: string): Promise<{ count: number; own: string[]; chatml: string[] }> {
  const tokenizer = await loadTokenizer(tokenizerFolder(name));
  const { chats } = read(`tokenizer/golden/${name}.json`) as Pick<Model, "chats">;
  const { chat_template, chatml_generation_template, chats: asked } = models[name];
  const found = { count: 0, own: [] as string[], chatml: [] as string[] };
  for (const { template, name: chat, text, ids } of chats) {
    const source = template === "own" ? chat_template : chatml_generation_template;
    const record = asked.find((one) => one.template === template && one.text === text) as Chat;
    const rendering = render(source as string, record, tokenizer);
    found.count++;
    const encoded = [...encodeRendering(rendering, tokenizer, { mask }).ids];
    if (String(encoded) !== String(ids)) found[template === "own" ? "own" : "chatml"].push(chat);
  }
  return found;
}

function render(source: string, { messages, tools, add_generation_prompt }: Chat, { bos, eos }: Tokenizer): Rendering {
  const conversation = readRecord({ messages, ...(tools ? { tools } : {}) });
  return createJinjaTemplate(source).render(conversation, {
    specialTokens: { bos: bos?.text, eos: eos?.text },
    addGenerationPrompt: add_generation_prompt,
  });
}

describe.each(TOKENIZER_NAMES)("ids of transformers' chats with %s", (name) => {
  it("are equal under the model's own template, except where the record holds control-token text", async () => {
    const { own, chatml } = await differing(name, "assistant");
    const hasOwn = models[name].chat_template !== null;
    // DeepSeek's control tokens are none of those in the injected text.
    expect(own).toEqual(hasOwn && name !== "deepseek_v3" ? ["injection"] : []);
    // Qwen3 has ChatML's tokens. Its other differences: an answer that opens with a newline would merge with the header, which the
    // prompt in use cannot know, and "<think>" that a record wrote is text.
    if (name === "qwen3") expect(chatml).toEqual(["spaces", "injection", "thinking"]);
  });

  it("are all equal under the presets of trainers that encode one text: ChatML is plain text to most tokenizers, and merges", async () => {
    for (const mask of ["trl", "trl-assistant", "unsloth", "mlx-lm"]) {
      const { count, own, chatml } = await differing(name, mask);
      expect(count).toBeGreaterThan(10);
      expect([...own, ...chatml]).toEqual([]);
    }
  });
});
