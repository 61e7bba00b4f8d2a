// Runs unchanged in Node and in a browser: only the three packages and data passed in.
import { encodeRendering } from "@sft/mask";
import { createJinjaTemplate, findTemplate, readRecord } from "@sft/templates";
import { createTokenizer } from "@sft/tokenizer";

/** Ids and weights of rows: instructions in the style alpaca, conversations under the model's own template. */
export function encodeRows({ tokenizerJson, tokenizerConfig, rows }) {
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfig });
  const alpaca = findTemplate("alpaca");
  const own = createJinjaTemplate(tokenizer.chatTemplate);
  return rows.map((row) => {
    const template = "messages" in row ? own : alpaca;
    const rendering = template.render(readRecord(row), { specialTokens: { eos: tokenizer.eos.text } });
    const { ids, weights } = encodeRendering(rendering, tokenizer);
    return { ids: [...ids], weights: [...weights] };
  });
}
