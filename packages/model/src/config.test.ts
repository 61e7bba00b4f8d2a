import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { describe, expect, it } from "vitest";
import { findFamily } from "./families/index.ts";
import { ropeTables, ropeVariant } from "./rope.ts";
import { scaledFrequencies } from "./ropeScaling.ts";

const tiny = JSON.parse(readFileSync(join(goldenModelPath("llama"), "config.json"), "utf8")) as Record<string, unknown>;
const scaled = JSON.parse(readFileSync(join(goldenModelPath("llama3-rope-tied"), "config.json"), "utf8")) as Record<string, unknown>;
const read = (raw: Record<string, unknown>) => findFamily(raw).readConfig(raw);

/** The same config as transformers 4 wrote it. */
function olderForm(raw: Record<string, unknown>): Record<string, unknown> {
  const { rope_parameters, dtype, ...rest } = raw;
  const { rope_theta, ...scaling } = rope_parameters as Record<string, unknown>;
  return { ...rest, rope_theta, rope_scaling: scaling.rope_type === "default" ? null : scaling, torch_dtype: dtype };
}

describe("reading config.json", () => {
  it.each([
    ["llama", tiny],
    ["llama3-rope-tied", scaled],
  ])("reads the newer and the older form of %s alike", (_, raw) => {
    const { raw: _new, ...newer } = read(raw);
    const { raw: _old, ...older } = read(olderForm(raw));
    expect(older).toEqual(newer);
    expect(newer).toMatchObject({ hiddenSize: 64, heads: 4, keyValueHeads: 2, headDim: 16, layers: 2 });
  });

  it("derives what older files leave out", () => {
    const { head_dim: _head, num_key_value_heads: _kv, ...raw } = tiny;
    expect(read(raw)).toMatchObject({ headDim: 16, keyValueHeads: 4 });
  });

  it.each([
    [
      { model_type: "mamba2", architectures: ["Mamba2ForCausalLM"] },
      /model_type "mamba2".*is not a known model family[\s\S]*Known families: llama/,
    ],
    [{ ...tiny, hidden_size: undefined }, /hidden_size must be a positive integer, got undefined/],
    [{ ...tiny, hidden_act: "relu6" }, /hidden_act is "relu6"; implemented: silu, swish/],
    [{ ...tiny, num_key_value_heads: 3 }, /num_attention_heads 4 must be a multiple of num_key_value_heads 3/],
    [{ ...tiny, rope_parameters: { rope_type: "wavy", rope_theta: 1 } }, /rope type "wavy" is not implemented/],
    [
      { ...tiny, rope_parameters: { rope_type: "llama3", rope_theta: 1 } },
      /rope parameter factor must be a positive number, got undefined/,
    ],
  ])("refuses by name what would change the maths: %#", (raw, message) => {
    expect(() => read(raw as Record<string, unknown>)).toThrow(message);
  });
});

/** What transformers 5.17's configuration classes take where a file says nothing, or null. */
describe("a family's defaults", () => {
  const gemma2 = { ...tiny, model_type: "gemma2", head_dim: 16, tie_word_embeddings: undefined };
  it.each([
    ["gemma 2's soft caps", gemma2, { attentionSoftcap: 50, logitSoftcap: 30, tiedEmbeddings: true }],
    ["no caps where they are null", { ...gemma2, attn_logit_softcapping: null, final_logit_softcapping: null }, { attentionSoftcap: 0 }],
    ["mistral's window", { ...tiny, model_type: "mistral" }, { windows: [4096, 4096] }],
    ["no window where it is null", { ...tiny, model_type: "mistral", sliding_window: null }, { windows: [0, 0] }],
    ["an untied head", { ...tiny, tie_word_embeddings: undefined }, { tiedEmbeddings: false }],
    [
      "SmolLM 3's theta and tied head",
      { ...tiny, model_type: "smollm3", rope_parameters: null, tie_word_embeddings: undefined },
      { tiedEmbeddings: true, ropes: { default: { rotaryDim: 16, parameters: { type: "default", theta: 2_000_000 } } } },
    ],
    ["OLMo 2's epsilon", { ...tiny, model_type: "olmo2", rms_norm_eps: undefined }, { normEpsilon: 1e-5 }],
    ["one tanh under three names", { ...tiny, hidden_act: "gelu_new" }, { activation: "geluTanh" }],
  ])("%s", (_, raw, expected) => expect(read(raw)).toMatchObject(expected));

  it("puts biases where attention_bias and mlp_bias ask for them", () => {
    const family = findFamily(tiny);
    const biases = (raw: Record<string, unknown>) =>
      family.parameters(family.readConfig(raw)).filter(({ name }) => name.startsWith("model.layers.0") && name.endsWith(".bias"));
    expect(biases(tiny)).toEqual([]);
    expect(biases({ ...tiny, attention_bias: true }).map(({ name }) => name.split(".").at(-2))).toEqual([
      "q_proj",
      "k_proj",
      "v_proj",
      "o_proj",
    ]);
    expect(biases({ ...tiny, mlp_bias: true }).map(({ name }) => name.split(".").at(-2))).toEqual(["gate_proj", "up_proj", "down_proj"]);
  });
});

describe("rope tables", () => {
  it("change with the sequence's length as transformers' do: longrope beyond the trained length, dynamic at every length beyond it", () => {
    const half = Array.from({ length: 8 }, () => 1);
    const longrope = { rope_type: "longrope", short_factor: half, long_factor: half.map(() => 4), factor: 2 };
    const phi3 = read({ ...tiny, model_type: "phi3", original_max_position_embeddings: 32, rope_parameters: longrope }).ropes.default!;
    expect([32, 33, 200].map((length) => ropeVariant(phi3, length))).toEqual(["short", "long", "long"]);
    const tables = (length: number) => ropeTables(phi3, 4, length).sin[8]!;
    expect(tables(33)).toBeCloseTo(Math.sin(0.25) * Math.sqrt(1 + Math.log(2) / Math.log(32)), 6);
    expect(tables(32)).toBeCloseTo(Math.sin(1) * Math.sqrt(1 + Math.log(2) / Math.log(32)), 6);

    const dynamic = read({ ...tiny, max_position_embeddings: 32, rope_parameters: { rope_type: "dynamic", factor: 2 } }).ropes.default!;
    expect([8, 32, 33, 40].map((length) => ropeVariant(dynamic, length))).toEqual(["", "", "33", "40"]);
    expect(scaledFrequencies(dynamic.parameters, 16, 40).frequencies[7]).toBeCloseTo((10_000 * 1.5 ** (16 / 14)) ** (-14 / 16), 9);
  });

  it("turn by 1/theta^(2i/d) a position", () => {
    const tables = ropeTables(read(tiny).ropes.default!, 4);
    for (let index = 0; index < 8; index++) {
      const angle = Math.fround(3 * Math.fround(10000 ** (-index / 8)));
      expect(tables.cos[3 * 8 + index]).toBe(Math.fround(Math.cos(angle)));
      expect(tables.sin[3 * 8 + index]).toBe(Math.fround(Math.sin(angle)));
    }
  });

  it("slow down long wavelengths by the factor and leave short ones alone under llama3 scaling", () => {
    const { parameters } = read(scaled).ropes.default!;
    const plain = scaledFrequencies({ type: "default", theta: parameters.theta }, 16, 256).frequencies;
    const slowed = scaledFrequencies(parameters, 16, 256).frequencies;
    expect(slowed[0]).toBe(plain[0]);
    expect(slowed[7]! * 32).toBeCloseTo(plain[7]!, 12);
  });
});
