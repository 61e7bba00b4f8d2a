import { openModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import type { Backend } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { padBatch, shiftTargets } from "@sft/mask";
import { LanguageModel } from "@sft/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluate } from "./evaluate.ts";
import { programKey, shapeOf } from "./microBatch.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await createCpuBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

const [short, long] = [1, 4].map((factor) => new Array<number>(8).fill(factor));
const rowOf = (tokens: number) =>
  shiftTargets({
    ids: Int32Array.from({ length: tokens }, (_, index) => 3 + ((index * 37) % 300)),
    weights: new Float32Array(tokens).fill(1),
  });

async function load(rope: Record<string, unknown>): Promise<LanguageModel> {
  await using folder = await openModelFolder(goldenModelPath("llama"));
  const config = { ...folder.config, rope_parameters: { rope_theta: 10_000, original_max_position_embeddings: 32, factor: 1, ...rope } };
  return await LanguageModel.load({ backend, config, weights: folder.tensors });
}
const lossOf = async (model: LanguageModel, tokens: number): Promise<number> => (await evaluate(model, [rowOf(tokens)])).loss;

describe("ropes that depend on the sequence's length", () => {
  it("see a row with its last target, as transformers sees the whole row, and not its padding", async () => {
    const model = await load({ rope_type: "longrope", short_factor: short, long_factor: long });
    const [shortAlways, longAlways] = [
      await load({ rope_type: "longrope", short_factor: short, long_factor: short }),
      await load({ rope_type: "longrope", short_factor: long, long_factor: long }),
    ];
    expect(await lossOf(model, 32)).toBe(await lossOf(shortAlways, 32));
    expect(await lossOf(model, 33)).toBe(await lossOf(longAlways, 33));
    expect(await lossOf(shortAlways, 33)).not.toBe(await lossOf(longAlways, 33));
  });

  it("make programs of their own, and only those ropes do", async () => {
    const keyOf = (model: LanguageModel, tokens: number): string =>
      programKey(model, shapeOf(padBatch([rowOf(tokens)], { multipleOf: 64 })));
    const dynamic = await load({ rope_type: "dynamic", factor: 2 });
    const longrope = await load({ rope_type: "longrope", short_factor: short, long_factor: long });
    const plain = await load({ rope_type: "default" });
    const lengths = [31, 32, 33, 34];
    expect(new Set(lengths.map((tokens) => keyOf(longrope, tokens).split(" ")[1]))).toEqual(new Set(["short", "long"]));
    expect(new Set(lengths.map((tokens) => keyOf(plain, tokens).split(" ")[1]))).toEqual(new Set([""]));
    // The golden Llama was trained for 256 positions.
    expect(dynamic.ropeVariant(256)).toBe("");
    expect(dynamic.ropeVariant(257)).toBe("257");
  });
});
