import type { LoraConfig } from "@sft/model";
import { optimisers, scheduleNames, type TrainingSettings } from "@sft/trainer";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loraOf } from "../run/loraOf.ts";
import { resolveRunConfig } from "./resolveRunConfig.ts";
import { runConfigSchema, type RunConfig } from "./schema.ts";
import { toTrainingSettings } from "./toTrainingSettings.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sft-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function resolved(text: string, flags: Record<string, string | boolean> = {}): Promise<RunConfig> {
  const path = join(folder, "recipe.yaml");
  await writeFile(path, `base_model: model\ndatasets: rows.json\n${text}\n`);
  return (await resolveRunConfig(path, flags, folder)).config;
}

/** 32 rows, 4 a step: 8 steps an epoch. */
const settingsOf = async (text: string, flags?: Record<string, string | boolean>): Promise<TrainingSettings> =>
  toTrainingSettings(await resolved(text, flags), 32);

describe("keys of the optimiser", () => {
  test.each<[string, Partial<TrainingSettings>]>([
    ["optimizer: adamw_8bit", { optimiser: "adamw_8bit" }],
    ["optim: adamw_bnb_8bit", { optimiser: "adamw_8bit" }],
    ["optim: adamw_torch_fused", { optimiser: "adamw" }],
    ["optimizer: sgd\nmomentum: 0.8", { optimiser: "sgd", momentum: 0.8 }],
    ["optimizer: lion", { optimiser: "lion" }],
    ["optimizer: adafactor", { optimiser: "adafactor" }],
    ["optimizer: muon", { optimiser: "muon" }],
    ["lr_scheduler: linear\nwarmup_ratio: 0.25", { schedule: "linear", warmupSteps: 2 }],
    ["lr_scheduler_type: constant_with_warmup\nwarmup_steps: 3", { schedule: "constant_with_warmup", warmupSteps: 3 }],
    ["lr_scheduler: inverse_sqrt", { schedule: "inverse_sqrt" }],
    ["lr_scheduler: one_cycle", { schedule: "one_cycle" }],
    ["lr_scheduler: warmup_stable_decay\ndecay_steps: 4", { schedule: "warmup_stable_decay", decaySteps: 4 }],
    ["learning_rate: 1e-3\nmin_lr: 1e-4", { schedule: "cosine", minLearningRateRatio: 0.1 }],
    ["label_smoothing_factor: 0.1", { labelSmoothing: 0.1 }],
    ["z_loss: 1e-4", { zLoss: 1e-4 }],
    ["neftune_noise_alpha: 5", { neftuneAlpha: 5 }],
    ["loraplus_lr_ratio: 16", { loraPlusRatio: 16 }],
    ["offload_optimizer: cpu", { offloadOptimiser: true }],
    ["gradient_checkpointing: true", { gradientCheckpointing: true, offloadOptimiser: false }],
    ["adapter: none\nunfrozen_parameters: [model.norm]", { method: "full", unfrozenParameters: ["model.norm"] }],
    ["adapter: none\nfrozen_parameters: model.embed_tokens", { frozenParameters: ["model.embed_tokens"] }],
    ["adapter: none\nfreeze_trainable_layers: -2", { trainedLayers: -2 }],
  ])("%s", async (text, expected) => expect(await settingsOf(text)).toMatchObject(expected));

  test("name every optimiser and schedule that the trainer has", () => {
    const { optimizer, lr_scheduler: scheduler } = runConfigSchema.shape;
    expect([...optimizer.def.innerType.options].sort()).toEqual(Object.keys(optimisers).sort());
    expect([...scheduler.def.innerType.options].sort()).toEqual([...scheduleNames].sort());
  });
});

describe("keys of the adapter", () => {
  test.each<[string, Partial<LoraConfig>]>([
    ["use_rslora: true", { useRslora: true, useDora: false }],
    ["peft_use_dora: true", { useDora: true }],
    ["modules_to_save: [embed_tokens, lm_head]", { modulesToSave: ["embed_tokens", "lm_head"] }],
    ["lora_modules_to_save: embed_tokens,lm_head", { modulesToSave: ["embed_tokens", "lm_head"] }],
    ["rank_pattern: { q_proj: 4, '.*mlp.*': 2 }", { rankPattern: { q_proj: 4, ".*mlp.*": 2 } }],
    ["lora_alpha_pattern:\n  layers.0..*: 32", { alphaPattern: { "layers.0..*": 32 } }],
    ["lora_r: 16\nlora_alpha: 32\nlora_dropout: 0.1", { r: 16, alpha: 32, dropout: 0.1 }],
  ])("%s", async (text, expected) => expect(loraOf(await resolved(text))).toMatchObject(expected));

  test("patterns as a flag, in JSON", async () => {
    const config = await resolved("", { lora_rank_pattern: '{"q_proj": 4}' });
    expect(loraOf(config)).toMatchObject({ rankPattern: { q_proj: 4 } });
    await expect(resolved("", { lora_rank_pattern: "q_proj" })).rejects.toThrow(/--lora-rank-pattern: lora_rank_pattern: .*got "q_proj"/);
    await expect(resolved("rank_pattern: { q_proj: 0.5 }")).rejects.toThrow(/recipe\.yaml:3:\d+: lora_rank_pattern\.q_proj: .*got 0\.5/);
  });
});
