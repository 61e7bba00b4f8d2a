import type { Example } from "./example.ts";
import { atRow, MaskError } from "./maskError.ts";

/**
 * Proves that a model is asked as it was taught: the ids of the prompt that `generate` uses are the first ids of the training row.
 * @throws MaskError "prompt-not-prefix" with the first token that differs
 */
export function assertPromptParity(prompt: Pick<Example, "ids">, training: Pick<Example, "ids" | "row">): void {
  const differs = prompt.ids.findIndex((id, i) => training.ids[i] !== id);
  if (differs < 0) return;
  const got = training.ids[differs];
  throw new MaskError(
    "prompt-not-prefix",
    `${atRow(training.row)}the prompt's ids must be the first ids of the training row, but token ${differs} is ${prompt.ids[differs]} in the prompt and ${got ?? "missing"} in training.`,
    "Render both with one template and one encoding; a template that rewrites history needs one row a supervised turn.",
    { row: training.row, token: differs, prompt: prompt.ids[differs], training: got },
  );
}
