import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { expect, test } from "vitest";
import { completeAdapterConfig } from "./adapterConfig.ts";
import { openAdapterFolder, writeAdapterFolder } from "./adapterFolder.ts";
import { CheckpointError } from "./checkpointError.ts";
import { tensorsOf } from "./tensorSource.ts";
import { testFolder } from "../testdata/testFolder.ts";

const adapters = [
  ["lora", {}],
  ["rslora", { use_rslora: true }],
  ["dora", { use_dora: true }],
] as const;

test.each(adapters)("%s as PEFT saved it is read, and written again with the same bytes and fields", async (name, own) => {
  const golden = join(goldenModelPath("llama"), name);
  const saved = JSON.parse(readFileSync(join(golden, "adapter_config.json"), "utf8")) as Record<string, unknown>;
  await using adapter = await openAdapterFolder(golden);
  expect(adapter.config).toEqual(saved);

  const folder = join(testFolder(), name);
  const given = { r: 4, lora_alpha: 8, target_modules: adapter.config.target_modules, ...own };
  await writeAdapterFolder(folder, { config: given, tensors: tensorsOf(adapter.tensors) });
  expect(readdirSync(folder).sort()).toEqual(["README.md", "adapter_config.json", "adapter_model.safetensors"]);
  const weights = "adapter_model.safetensors";
  expect(readFileSync(join(folder, weights)).equals(readFileSync(join(golden, weights)))).toBe(true);
  const written = JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8")) as Record<string, unknown>;
  expect(Object.entries(written)).toEqual(Object.entries(saved));
});

test("the card names the base model when it is the hub's, the rank and each kind of module once", async () => {
  const folder = join(testFolder(), "adapter");
  const target_modules = ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "lm_head"];
  await writeAdapterFolder(folder, {
    config: { r: 8, lora_alpha: 16, target_modules, base_model_name_or_path: "org/base-1.5B" },
    tensors: [],
    files: { "chat_template.jinja": "x" },
  });
  const card = readFileSync(join(folder, "README.md"), "utf8");
  expect(card).toMatch(/^---\nbase_model: org\/base-1.5B\nlibrary_name: peft\n/);
  expect(card).toContain("Rank 8, alpha 16, dropout 0, on `lm_head`, `q_proj`.");
  expect(readFileSync(join(folder, "chat_template.jinja"), "utf8")).toBe("x");
});

test("a config of an older PEFT, with fewer fields, is completed; newer fields are kept", async () => {
  const folder = join(testFolder(), "adapter");
  await writeAdapterFolder(folder, { config: { r: 2, lora_alpha: 4, target_modules: ["q_proj"] }, tensors: [] });
  const old = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: "all-linear", rank_pattern: null, future: [1] };
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify(old));
  await using adapter = await openAdapterFolder(folder);
  expect(adapter.config).toEqual({ ...completeAdapterConfig({ ...old, rank_pattern: {} }) });
});

const spoils: [title: string, code: string, says: string, change: Record<string, unknown> | ((folder: string) => void)][] = [
  ["no config", "no-config", "adapter_config.json", (folder) => rmSync(join(folder, "adapter_config.json"))],
  ["no weights", "no-weights", "adapter_model.safetensors", (folder) => rmSync(join(folder, "adapter_model.safetensors"))],
  [
    "a pickle",
    "pickle-weights",
    "AutoPeftModelForCausalLM",
    (folder) => (rmSync(join(folder, "adapter_model.safetensors")), writeFileSync(join(folder, "adapter_model.bin"), "")),
  ],
  ["another method", "bad-adapter-config", 'expected peft_type to be "LORA", found "IA3"', { peft_type: "IA3" }],
  ["a rank of 0", "bad-adapter-config", "expected r to be a whole number from 1, found 0", { r: 0 }],
  ["no alpha", "bad-adapter-config", "lora_alpha to be a number, found nothing", { lora_alpha: undefined }],
  ["a number for modules", "bad-adapter-config", "target_modules", { target_modules: 3 }],
  ["text for a flag", "bad-adapter-config", "use_dora", { use_dora: "yes" }],
  ["a rank pattern of text", "bad-adapter-config", "rank_pattern", { rank_pattern: { q_proj: "8" } }],
];

test.each(spoils)("%s is refused by name", async (_, code, says, change) => {
  const folder = join(testFolder(), "adapter");
  await writeAdapterFolder(folder, { config: { r: 2, lora_alpha: 4, target_modules: ["q_proj"] }, tensors: [] });
  const path = join(folder, "adapter_config.json");
  if (typeof change === "function") change(folder);
  else writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
  const error = await openAdapterFolder(folder).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CheckpointError);
  expect((error as CheckpointError).code).toBe(code);
  expect((error as CheckpointError).message).toContain(says);
});
