import { float32ToBfloat16, float32ToFloat16, openModelFolder, type TensorSource } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { createPlanningBackend, decodeHalf, type Backend } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { halfFromBfloat16, halfFromFloat32 } from "./halfWeight.ts";
import { LanguageModel } from "./languageModel.ts";
import type { WeightSource } from "./loadOptions.ts";
import { sequenceLogits } from "./sequenceLogits.ts";

const prompts = [Int32Array.of(5, 9, 200, 31, 7), Int32Array.of(270, 12)];

/** Values that cover float16's normal range around `size`, some of them far below. */
function values(size: number, count = 4096): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => size * Math.sin(i + 1) * 2 ** -(i % 16));
}

describe("rounding a weight to float16", () => {
  it.each([1e-9, 3e-6, 0.02, 1, 60000, 70000, 1e9])("keeps 11 bits of weights of size %f", (size) => {
    const weights = values(size);
    const { bits, scale } = halfFromFloat32(weights);
    expect(Number.isInteger(Math.log2(scale))).toBe(true);
    expect(scale === 1).toBe([0.02, 1, 60000].includes(size));
    const error = Math.sqrt(weights.reduce((sum, weight, i) => sum + (scale * decodeHalf(bits[i]!) - weight) ** 2, 0));
    // Half of the last of 11 places, of each element and so of their norm.
    expect(error / Math.sqrt(weights.reduce((sum, weight) => sum + weight ** 2, 0))).toBeLessThan(2 ** -11);
  });

  it.each([1e-9, 0.02, 1e9])("reads bfloat16 of size %f as it reads the same numbers in float32", (size) => {
    const bfloats = float32ToBfloat16(values(size));
    const widened = new Float32Array(Uint32Array.from(bfloats, (bits) => bits << 16).buffer);
    expect(halfFromBfloat16(bfloats)).toEqual(halfFromFloat32(widened));
  });

  it("leaves a weight of zeros, and one that is not finite, as it is", () => {
    expect(halfFromFloat32(new Float32Array(3))).toEqual({ bits: new Uint16Array(3), scale: 1 });
    const { bits, scale } = halfFromFloat32(Float32Array.of(Infinity, 1, NaN));
    expect([scale, ...[...bits].map(decodeHalf)]).toEqual([1, Infinity, 1, NaN]);
  });
});

describe("a model that is larger than the backend's memory", () => {
  it("is refused before anything is read, with what would fit", async () => {
    await using folder = await openModelFolder(goldenModelPath("llama"));
    // Enough for two bytes a parameter, not for four.
    const small = await createCpuBackend({ threads: 1, memoryBytes: 300_000 });
    const read: string[] = [];
    const weights: WeightSource = {
      tensors: folder.tensors.tensors,
      readFloat32: (name) => (read.push(name), folder.tensors.readFloat32(name)),
    };
    const load = (options: object) => LanguageModel.load({ backend: small, config: folder.config, weights, positions: 16, ...options });
    await expect(load({})).rejects.toThrow(
      /the model's weights take 0\.00 GB, and the cpu backend holds 0\.00 GB[^]*frozen_weights: float16/,
    );
    expect(read).toEqual([]);
    await load({ frozenWeights: "float16" });
    await small.dispose();
  });
});

describe("a base that lies in float16", () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createCpuBackend({ precision: "float64" });
  });
  afterAll(() => backend.dispose());

  /** The source with some weights so large or small that they need a scale. */
  function awkward(source: TensorSource): WeightSource {
    return {
      tensors: source.tensors,
      async readFloat32(name) {
        const data = await source.readFloat32(name);
        if (/embed|wte|v_proj|c_attn/.test(name)) return data.map((value) => value * 2 ** -20);
        return /q_proj|o_proj|lm_head|c_fc/.test(name) ? data.map((value) => value * 2 ** 20) : data;
      },
    };
  }

  it.each(["llama", "llama3-rope-tied", "gpt2"])(
    "%s computes what its rounded weights compute in float32, scales included",
    async (family) => {
      await using folder = await openModelFolder(goldenModelPath(family));
      const weights = awkward(folder.tensors);
      const half = await LanguageModel.load({ backend, config: folder.config, weights, frozenWeights: "float16" });
      expect([...half.halves.keys()].sort()).toEqual(
        half.parameters
          .filter(({ shape }) => shape.length === 2)
          .map(({ name }) => name)
          .sort(),
      );
      expect([...half.halves.values()].filter((scale) => scale < 1).length).toBeGreaterThan(0);
      expect([...half.halves.values()].filter((scale) => scale > 1).length).toBeGreaterThan(0);
      const whole = await LanguageModel.load({
        backend,
        config: folder.config,
        weights: { ...weights, readFloat32: (name) => half.download(name) },
      });
      // In float64 a power of two changes no bit, wherever it is multiplied in.
      expect(await sequenceLogits(half, prompts)).toEqual(await sequenceLogits(whole, prompts));
      const targetModules = half.parameters
        .filter(({ kind }) => ["linear", "embedding", "head"].includes(kind))
        .map(({ name }) => name.slice(0, -".weight".length));
      for (const useDora of family === "gpt2" ? [false] : [false, true]) {
        const lora = { r: 2, alpha: 4, dropout: 0, useDora, targetModules: useDora || family === "gpt2" ? "all-linear" : targetModules };
        for (const model of [half, whole]) await model.attachLora(lora, { seed: 3 });
        expect(await sequenceLogits(half, prompts)).toEqual(await sequenceLogits(whole, prompts));
      }
    },
  );

  it("takes float16 checkpoints bit for bit, bfloat16 ones without widening them, and modules_to_save in float32", async () => {
    await using folder = await openModelFolder(goldenModelPath("llama"));
    const narrow = (dtype: "F16" | "BF16"): WeightSource => ({
      tensors: new Map([...folder.tensors.tensors].map(([name, info]) => [name, { ...info, dtype }])),
      readFloat32: folder.tensors.readFloat32,
      async read(name) {
        const convert = dtype === "F16" ? float32ToFloat16 : float32ToBfloat16;
        return new Uint8Array(convert(await folder.tensors.readFloat32(name)).buffer);
      },
    });
    const name = "model.layers.0.mlp.up_proj.weight";
    const original = await folder.tensors.readFloat32(name);
    for (const dtype of ["F16", "BF16"] as const) {
      const model = await LanguageModel.load({
        backend,
        config: folder.config,
        weights: narrow(dtype),
        frozenWeights: "float16",
        float32Modules: ["lm_head"],
      });
      const bits = await backend.download(model.buffers.get(name)!);
      expect(bits).toEqual(dtype === "F16" ? float32ToFloat16(original) : halfFromBfloat16(float32ToBfloat16(original)).bits);
      expect(model.halves.has("lm_head.weight")).toBe(false);
      expect(await model.download("lm_head.weight")).toEqual(await folder.tensors.readFloat32("lm_head.weight"));
    }
  });

  it("cannot be trained itself, nor be loaded where no op reads it", async () => {
    await using folder = await openModelFolder(goldenModelPath("llama"));
    const load = (on: Backend): Promise<LanguageModel> =>
      LanguageModel.load({ backend: on, config: folder.config, weights: folder.tensors, frozenWeights: "float16" });
    const model = await load(backend);
    expect(() => model.recordForward("step", { shape: { batch: 1, length: 4 }, method: "full" })).toThrowErrorMatchingInlineSnapshot(`
      [ModelError: model.embed_tokens.weight lies in float16, and cannot be trained itself
      Train an adapter, or load the model with its weights in float32.]
    `);
    await expect(load(createPlanningBackend())).rejects.toThrowErrorMatchingInlineSnapshot(`
      [ModelError: plan (none) reads no weights in float16
      Load the model with its weights in float32.]
    `);
  });
});
