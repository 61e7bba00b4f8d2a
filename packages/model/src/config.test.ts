import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { describe, expect, it } from "vitest";
import { findFamily } from "./families/index.ts";
import { ropeTables } from "./rope.ts";
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
    [{ ...tiny, hidden_act: "relu6" }, /hidden_act is "relu6"; this family is implemented for "silu"/],
    [{ ...tiny, attention_bias: true }, /attention_bias is true/],
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

describe("rope tables", () => {
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
