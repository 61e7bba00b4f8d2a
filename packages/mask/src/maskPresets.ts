import type { MaskPolicy } from "./maskPolicy.ts";

/** One row a preset: how it differs from this project's own policies. */
type PresetRow = Omit<Partial<MaskPolicy>, "name" | "classWeights" | "turns"> &
  Pick<MaskPolicy, "turns"> & { readonly classWeights?: MaskPolicy["classWeights"] };

/**
 * What the peers train, each read in its own code: litgpt 0.5.13, trl 1.10.0.dev0, axolotl and LLaMA-Factory
 * of July and August 2026, torchtune of April 2026, mlx-lm and unsloth of August 2026.
 */
export const maskPresets: Readonly<Record<string, PresetRow>> = {
  /** `mask_prompt=True`: answer and tokenizer EOS; joint prompt, control tokens on, right truncation. */
  litgpt: { turns: "last", encoding: "litgpt", control: "allow", truncation: "right" },
  /** `mask_prompt=False`, the default of every LitGPT recipe: the prompt is trained too. */
  "litgpt-cli": {
    turns: "all",
    header: true,
    afterTerminator: true,
    generationPrompt: true,
    encoding: "litgpt",
    control: "allow",
    truncation: "right",
  },
  /** `messages` with defaults: every token, system and user included. */
  trl: { turns: "all", header: true, afterTerminator: true, generationPrompt: true, truncation: "right" },
  /** `assistant_only_loss=True` with a bundled training template. */
  "trl-assistant": { turns: "assistant", afterTerminator: true, generationPrompt: true, truncation: "right" },
  /** Prompt-completion rows with defaults. */
  "trl-completion": { turns: "completion", afterTerminator: true, generationPrompt: true, truncation: "right" },
  /** `roles_to_train: [assistant]`, `train_on_eos: turn`: a terminator counts only where it is the EOS token. */
  axolotl: { turns: "assistant", terminator: "eos", truncation: "drop" },
  /** `train_on_assistant`: role tags are part of a torchtune message, so the header is trained. */
  torchtune: { turns: "assistant", header: true, afterTerminator: true, generationPrompt: true, truncation: "right" },
  /** Default of `supervised`: each response slot, with the newline behind its terminator. */
  "llama-factory": { turns: "assistant", afterTerminator: true, truncation: "right" },
  /** `--mask-prompt`: last turn only. */
  "mlx-lm": { turns: "last", afterTerminator: true, truncation: "right" },
  /** `train_on_responses_only`: all that stands between an assistant marker and the next user marker. */
  unsloth: {
    turns: "untilNextUser",
    afterTerminator: true,
    generationPrompt: true,
    truncation: "right",
  },
};
