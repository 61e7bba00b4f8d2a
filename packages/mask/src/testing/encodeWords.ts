import type { Rendering } from "@sft/templates";
import { encodeRendering, type EncodeOptions, type Example } from "../index.ts";
import { createWordTokenizer } from "./wordTokenizer.ts";

/** Encodes with one token a word, numbered from 2 in the order of the text. */
export function encodeWords(rendering: Rendering, options: EncodeOptions = {}): Example {
  return encodeRendering(rendering, createWordTokenizer(), options);
}

export function warningCodes({ warnings }: Example): string[] {
  return warnings.map(({ code }) => code);
}
