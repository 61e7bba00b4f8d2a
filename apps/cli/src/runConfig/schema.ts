import { resolveMaskPolicy, truncationStrategies } from "@sft/mask";
import { findTemplate } from "@sft/templates";
import { parse } from "yaml";
import { z } from "zod";
import { isTemplateFile } from "../rows/chooseTemplate.ts";
import { datasets } from "./datasets.ts";

const count = z.number().int().positive();
const steps = z.number().int().nonnegative();
const share = z.number().min(0).max(1);

/** PEFT's patterns: module -> value; as a flag, in JSON. */
const pattern = <T extends z.ZodType>(value: T) =>
  z.preprocess((given) => (typeof given === "string" ? parseMapping(given) : given), z.record(z.string().min(1), value)).optional();

function parseMapping(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** Lets `find` judge a name, so that what it says of an unknown one comes with the place of the key. */
function refusedBy(key: string, find: (name: string) => unknown) {
  return (name: string, context: z.core.$RefinementCtx<string>): void => {
    try {
      find(name);
    } catch (error) {
      context.addIssue({ code: "custom", message: `${key}: ${(error as Error).message}`, input: name });
    }
  };
}

/**
 * A recipe: what `sft train` reads. Keys are those that Axolotl, TRL and LitGPT users know; each description is at once
 * the flag's help, the JSON Schema's text and the documentation.
 */
export const runConfigSchema = z.strictObject({
  base_model: z.string().min(1).describe("folder of the base model, in Hugging Face's layout"),
  tokenizer: z.string().min(1).optional().describe("folder of the tokenizer; default: base_model"),

  datasets: datasets.describe("rows to train on"),
  test_datasets: datasets.optional().describe("held-out rows"),
  val_set_size: z.number().nonnegative().default(0).describe("hold out this share (below 1) or number of the training rows"),
  chat_template: z
    .string()
    .min(1)
    .superRefine(refusedBy("chat_template", (name) => name === "tokenizer" || isTemplateFile(name) || findTemplate(name)))
    .optional()
    .describe("a built-in style, \"tokenizer\" for the model's own chat template, or a .jinja file; default: by the rows' format"),
  train_on: z
    .string()
    .min(1)
    .superRefine(refusedBy("train_on", resolveMaskPolicy))
    .optional()
    .describe("mask policy (completion, assistant, last, all) or the name of a peer to imitate; default: by the rows' format"),
  sequence_len: count.optional().describe("longest row in tokens; default: the model's positions"),
  truncation: z.enum(truncationStrategies).optional().describe("what becomes of a longer row; default: drop"),

  sample_packing: z
    .boolean()
    .default(false)
    .describe("let rows share rows of sequence_len tokens (default: of the longest row) instead of padding each; none sees another"),

  micro_batch_size: count.default(4).describe("rows that run at once"),
  gradient_accumulation_steps: count.default(1).describe("micro batches of one optimiser step"),
  num_epochs: z.number().positive().optional().describe("times over the rows; default 1"),
  max_steps: count.optional().describe("optimiser steps; wins over num_epochs"),

  learning_rate: z.number().nonnegative().default(2e-4).describe("peak learning rate"),
  optimizer: z
    .enum(["adamw", "adamw_8bit", "sgd", "lion", "adafactor", "muon"])
    .default("adamw")
    .describe("how parameters move along their gradients"),
  lr_scheduler: z
    .enum(["cosine", "linear", "constant", "constant_with_warmup", "inverse_sqrt", "one_cycle", "warmup_stable_decay"])
    .default("cosine")
    .describe("course of the learning rate after its rise"),
  warmup_steps: steps.optional().describe("steps over which the learning rate rises"),
  warmup_ratio: share.optional().describe("share of all steps over which the learning rate rises, instead of warmup_steps"),
  min_lr: z.number().nonnegative().default(0).describe("learning rate at which the decay ends"),
  decay_steps: count.optional().describe("length of warmup_stable_decay's last phase; default: a tenth of all steps"),
  momentum: z.number().min(0).lt(1).optional().describe("momentum of sgd (default 0.9) and muon (0.95)"),
  weight_decay: z.number().nonnegative().default(0.01).describe("AdamW's decay of matrices"),
  adam_beta1: z.number().min(0).lt(1).default(0.9).describe("AdamW's beta1"),
  adam_beta2: z.number().min(0).lt(1).default(0.999).describe("AdamW's beta2"),
  adam_epsilon: z.number().positive().default(1e-8).describe("AdamW's epsilon"),
  max_grad_norm: z.number().nonnegative().default(1).describe("clip the gradient's global norm; 0 does not clip"),
  label_smoothing: z.number().min(0).lt(1).default(0).describe("share of each target's probability spread over the vocabulary"),
  neftune_noise_alpha: z
    .number()
    .nonnegative()
    .default(0)
    .describe("NEFTune: uniform noise on the embeddings while training, within alpha / sqrt(length * hidden size)"),
  z_loss: z.number().nonnegative().default(0).describe("weight of the squared logSumExp of the logits in the loss"),
  offload_optimizer: z
    .enum(["none", "cpu"])
    .default("none")
    .describe("cpu: keep the optimiser's state in the host's memory between steps; the numbers are the same"),
  gradient_checkpointing: z
    .boolean()
    .default(false)
    .describe("keep one activation a layer and compute the others again: less memory, a third more work"),

  unfrozen_parameters: z
    .preprocess((value) => (typeof value === "string" ? [value] : value), z.array(z.string().min(1)).min(1))
    .optional()
    .describe("without an adapter: train only parameters whose names match one of these regular expressions from their start"),

  frozen_parameters: z
    .preprocess((value) => (typeof value === "string" ? [value] : value), z.array(z.string().min(1)).min(1))
    .optional()
    .describe("without an adapter: leave parameters as they are whose names match one of these regular expressions from their start"),
  freeze_trainable_layers: z
    .number()
    .int()
    .optional()
    .describe("without an adapter: train the last so many layers alone, or the first where negative; embeddings and head stay"),

  adapter: z.enum(["lora", "none"]).default("lora").describe('"lora" trains an adapter, "none" all weights'),
  load_in_4bit: z
    .boolean()
    .default(false)
    .describe("QLoRA: keep the base's linear layers in 4-bit NormalFloat while an adapter is trained"),
  frozen_weights: z
    .enum(["auto", "float32", "float16"])
    .default("auto")
    .describe("how an adapter's base is held; auto: float16 where products round to it anyway (precision mixed), else float32"),
  lora_r: count.default(8).describe("LoRA rank"),
  lora_alpha: z.number().positive().default(16).describe("LoRA scale times rank"),
  lora_dropout: z.number().min(0).lt(1).default(0).describe("dropout on the adapter's input"),
  lora_target_modules: z
    .preprocess(
      (value) =>
        // A plain name is no pattern: as one, q_proj would have to be the whole of "model.layers.0.self_attn.q_proj".
        typeof value === "string" && value !== "all-linear" && /^[\w., -]+$/.test(value)
          ? value.split(",").map((name) => name.trim())
          : value,
      z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    )
    .default("all-linear")
    .describe('"all-linear", a list of module names or endings, or a regular expression'),
  lora_modules_to_save: z
    .preprocess(
      (value) => (typeof value === "string" ? value.split(",").map((name) => name.trim()) : value),
      z.array(z.string().min(1)).min(1),
    )
    .optional()
    .describe("modules of which a whole copy is trained and saved beside the adapter"),
  lora_rank_pattern: pattern(count).describe("ranks of modules whose names end with a key, or match it as a regular expression"),
  lora_alpha_pattern: pattern(z.number().positive()).describe("alphas of such modules"),
  loraplus_lr_ratio: z.number().positive().default(1).describe("LoRA+: learning rate of B as a multiple of A's"),
  use_rslora: z.boolean().default(false).describe("scale by alpha / sqrt(r)"),
  use_dora: z.boolean().default(false).describe("learn a magnitude for each output row beside the pair"),

  logging_steps: count.default(10).describe("print a line every so many steps when not on a terminal"),
  eval_steps: steps.default(0).describe("measure the held-out loss every so many steps; 0: at the start and the end"),
  save_steps: steps.default(0).describe("save every so many steps; 0: at the end"),
  save_total_limit: count.optional().describe("keep only so many checkpoints, the newest"),
  sample_prompts: steps.default(0).describe("answer so many held-out rows before and after training"),
  sample_max_new_tokens: count.default(64).describe("longest of those answers"),

  seed: z.number().int().nonnegative().default(0).describe("seeds row order, adapter and dropout"),
  output_dir: z.string().min(1).default("runs/sft").describe("the run's folder"),
  resume_from_checkpoint: z.string().min(1).optional().describe('a checkpoint folder, or "auto" for the newest of output_dir'),
  backend: z.string().min(1).default("auto").describe("auto, cpu, webgpu, or a module that exports createBackend"),
  precision: z
    .enum(["float32", "mixed"])
    .optional()
    .describe("mixed: float16 products with float32 sums, and under an adapter a base in float16, on a GPU with matrix units"),
  autotune: z
    .boolean()
    .default(false)
    .describe("on a GPU, time the tiles of each shape of product once and keep the choices in the user's cache folder"),
  threads: count
    .optional()
    .describe("threads of the CPU backend, at most the cores that there are; default: SFT_THREADS, else all cores up to 16"),
});

/** A recipe with its defaults filled in; keys as in the file. */
export type RunConfig = z.output<typeof runConfigSchema>;

/** Keys of a recipe. */
export const runConfigKeys: readonly (keyof RunConfig)[] = Object.keys(runConfigSchema.shape) as (keyof RunConfig)[];
