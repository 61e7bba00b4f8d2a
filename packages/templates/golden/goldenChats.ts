import { readFileSync } from "node:fs";

/** Conversations as transformers 5.17 renders them (golden/chats.json); for tests. */
export interface GoldenChat {
  readonly template: "own" | "chatml-generation";
  readonly name: string;
  readonly messages: readonly unknown[];
  readonly tools: readonly unknown[] | null;
  readonly add_generation_prompt?: boolean;
  readonly text?: string;
  /** In Unicode code points. */
  readonly generation_char_spans?: readonly (readonly [number, number])[] | null;
  readonly error?: string;
}

export interface GoldenModel {
  readonly special: { readonly bos_token?: string; readonly eos_token?: string };
  readonly chat_template: string | null;
  readonly chatml_generation_template: string;
  readonly chats: readonly GoldenChat[];
}

export const goldenModels: Readonly<Record<string, GoldenModel>> = JSON.parse(
  readFileSync(new URL("./chats.json", import.meta.url), "utf8"),
) as Record<string, GoldenModel>;
