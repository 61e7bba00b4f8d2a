import type { MaskPolicy } from "./maskPolicy.ts";

/** One row a preset: how it differs from this project's own policies. */
type PresetRow = Omit<Partial<MaskPolicy>, "name" | "classWeights" | "turns"> &
  Pick<MaskPolicy, "turns"> & { readonly classWeights?: MaskPolicy["classWeights"] };

const everything = { header: true, afterTerminator: true, generationPrompt: true };
/** Render to text, then encode the text: tokens cross borders and control-token text of a record becomes control tokens. */
const oneText = { encoding: "joint", control: "allow" } as const;
const wholeAnswer = { afterTerminator: true, generationPrompt: true };

/**
 * What the peers train, each read in its own code: litgpt 0.5.13, trl 1.10.0.dev0, axolotl and LLaMA-Factory
 * of July and August 2026, torchtune of April 2026, mlx-lm and unsloth of August 2026.
 */
export const maskPresets: Readonly<Record<string, PresetRow>> = {
  /** `mask_prompt=True`: answer and tokenizer EOS; joint prompt, control tokens on, right truncation. */
  litgpt: peer({ turns: "last", encoding: "litgpt", control: "allow", truncation: "right" }),
  /** `mask_prompt=False`, the default of every LitGPT recipe: the prompt is trained too. */
  "litgpt-cli": peer({ turns: "all", ...everything, encoding: "litgpt", control: "allow", truncation: "right" }),
  /** Defaults: every token of `messages`, system and user included; prompt-completion rows train the completion. */
  trl: peer({ turns: "all", ...oneText, ...everything, truncation: "right", forPromptCompletion: "trl-completion" }),
  /** `assistant_only_loss=True`: a token counts as soon as one of its characters stands in a `{% generation %}` block. */
  "trl-assistant": peer({ turns: "assistant", ...oneText, ...wholeAnswer, generationTags: true, straddle: "train", truncation: "right" }),
  /** Prompt-completion rows with defaults. */
  "trl-completion": peer({ turns: "completion", ...oneText, ...wholeAnswer, truncation: "right" }),
  /** `roles_to_train: [assistant]`, `train_on_eos: turn`: a terminator counts only where it is the EOS token. */
  axolotl: peer({ turns: "assistant", ...oneText, terminator: "eos", truncation: "drop", forPromptCompletion: "axolotl-instruct" }),
  /** The alpaca family there encodes prompt and answer apart. */
  "axolotl-instruct": peer({ turns: "completion", terminator: "eos", truncation: "drop" }),
  /** `train_on_assistant`: role tags are part of a torchtune message, so the header is trained. */
  torchtune: peer({ turns: "assistant", ...everything, truncation: "right" }),
  /** Default of `supervised`: each response slot, with the newline behind its terminator. */
  "llama-factory": peer({ turns: "assistant", afterTerminator: true, truncation: "proportion" }),
  /** `--mask-prompt`: last turn only. The padding id that mlx-lm trains behind each row is left out: it is not in the text. */
  "mlx-lm": peer({ turns: "last", ...oneText, afterTerminator: true, truncation: "right" }),
  /** `train_on_responses_only`: all that stands between an assistant marker and the next user marker. */
  unsloth: peer({ turns: "untilNextUser", ...oneText, ...wholeAnswer, truncation: "right" }),
};

/** No peer but TRL reads `{% generation %}` blocks, which came later than their own ways. */
function peer(row: PresetRow): PresetRow {
  return { generationTags: false, ...row };
}
