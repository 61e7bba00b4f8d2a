import { openAdapterFolder, openModelFolder } from "@sft/checkpoint";
import type { AdapterFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFamily } from "../families/index.ts";
import type { ParameterSpec } from "../families/family.ts";
import { savedAdapterLayout, savedLoraConfig, type SavedAdapter } from "./savedAdapter.ts";

let adapter: AdapterFolder;
beforeAll(async () => {
  adapter = await openAdapterFolder(`${goldenModelPath("llama")}/lora`);
});
afterAll(() => adapter.close());

async function parametersOf(family: string, changes: Record<string, unknown> = {}): Promise<readonly ParameterSpec[]> {
  await using folder = await openModelFolder(goldenModelPath(family));
  const raw = { ...folder.config, ...changes };
  return findFamily(raw).parameters(findFamily(raw).readConfig(raw));
}

const withConfig = (changes: Record<string, unknown>): SavedAdapter => ({ ...adapter, config: { ...adapter.config, ...changes } });
const withTensors = (
  edit: (tensors: Map<string, { name: string; dtype: "F32"; shape: number[]; byteLength: number }>) => void,
): SavedAdapter => {
  const tensors = new Map(adapter.tensors.tensors) as Parameters<typeof edit>[0];
  edit(tensors);
  return { ...adapter, tensors: { ...adapter.tensors, tensors } };
};
const q0 = "base_model.model.model.layers.0.self_attn.q_proj";

describe("a saved adapter", () => {
  it("sits where its tensors say, whatever target_modules says", async () => {
    const layout = savedAdapterLayout(await parametersOf("llama"), withConfig({ target_modules: null }));
    expect(layout.modules.size).toBe(14);
    expect(layout.modules.get("model.layers.1.mlp.down_proj")!.scale).toBe(2);
  });

  it("holds the copies that its tensors are, since PEFT takes every module that ends with a name", async () => {
    const copied = withTensors((tensors) => {
      for (const layer of [0, 1]) {
        const name = `base_model.model.model.layers.${layer}.input_layernorm.weight`;
        tensors.set(name, { name, dtype: "F32", shape: [64], byteLength: 256 });
      }
    });
    const saved = { ...copied, config: { ...copied.config, modules_to_save: ["input_layernorm"] } };
    expect(savedLoraConfig(saved).modulesToSave).toEqual(["model.layers.0.input_layernorm", "model.layers.1.input_layernorm"]);
    expect([...savedAdapterLayout(await parametersOf("llama"), saved).copies.keys()]).toEqual([
      "model.layers.0.input_layernorm.weight",
      "model.layers.1.input_layernorm.weight",
    ]);
  });

  it.each([
    ["use_qalora", true],
    ["layer_replication", [[0, 2]]],
    ["lora_bias", true],
    ["trainable_token_indices", [1]],
    ["bias", "all"],
    ["bias", "lora_only"],
    ["target_parameters", ["experts"]],
    ["init_lora_weights", "pissa"],
    ["init_lora_weights", "loftq"],
    ["alora_invocation_tokens", [5]],
  ])("with %s %j is refused by the field's name", (field, value) => {
    expect(() => savedLoraConfig(withConfig({ [field]: value }))).toThrow(
      new RegExp(`lora/adapter_config\\.json: ${field} is .* not implemented`),
    );
  });

  it.each([
    ["bias", "none"],
    ["modules_to_save", []],
    ["init_lora_weights", "gaussian"],
    ["layer_replication", null],
    ["use_bdlora", null],
  ])("with %s %j is taken", (field, value) => {
    expect(savedLoraConfig(withConfig({ [field]: value })).r).toBe(4);
  });

  it("of a base with other sizes is refused with the tensor's name, what was expected and what was found", async () => {
    const parameters = await parametersOf("llama", { intermediate_size: 96 });
    expect(() => savedAdapterLayout(parameters, adapter)).toThrow(
      /does not fit this base model: expected base_model\.model\.model\.layers\.0\.mlp\.gate_proj\.lora_B\.weight to be \[96, 4\], found \[112, 4\]/,
    );
  });

  it("of another family is refused with the module that is not there", async () => {
    const gpt2 = await parametersOf("gpt2");
    expect(() => savedAdapterLayout(gpt2, adapter)).toThrow(/it has a pair for model\.layers\.0\.\S+, which the model does not have/);
  });

  it("that lost a tensor, or has one more, is refused by the tensor's name", async () => {
    const parameters = await parametersOf("llama");
    expect(() =>
      savedAdapterLayout(
        parameters,
        withTensors((tensors) => tensors.delete(`${q0}.lora_B.weight`)),
      ),
    ).toThrow(/expected the tensor \S+q_proj\.lora_B\.weight \[64, 4\], it is not there/);
    const extra = withTensors((tensors) =>
      tensors.set("base_model.model.lm_head.weight", { name: "x", dtype: "F32", shape: [1], byteLength: 4 }),
    );
    expect(() => savedAdapterLayout(parameters, extra)).toThrow(/the tensor base_model\.model\.lm_head\.weight is no part of a LoRA pair/);
  });

  it("without any pair is refused: its pattern matched nothing", () => {
    const empty = withTensors((tensors) => tensors.clear());
    expect(() => savedLoraConfig({ ...empty, config: { ...adapter.config, target_modules: "nothing" } })).toThrow(
      /holds no LoRA pairs: its target_modules "nothing" matched nothing/,
    );
  });
});
