import { goldenModelPath } from "@sft/golden";
import { openModelFolder } from "@sft/checkpoint";
import { createCpuBackend } from "@sft/kernels-cpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inputNames } from "../graphOptions.ts";
import { LanguageModel } from "../languageModel.ts";
import { generate } from "./generate.ts";
import { argmax } from "./sampling.ts";

let model: LanguageModel;

beforeAll(async () => {
  const folder = await openModelFolder(goldenModelPath("llama"));
  model = await LanguageModel.load({
    backend: await createCpuBackend({ threads: 1 }),
    config: folder.config,
    weights: folder.tensors,
    positions: 48,
  });
  await folder.close();
});
afterAll(() => model.backend.dispose());

/** Greedy continuation without a cache: the whole sequence again for every token. */
async function withoutCache(prompt: readonly number[], count: number): Promise<readonly number[]> {
  const tokens = [...prompt];
  for (let step = 0; step < count; step++) {
    const recorded = model.recordForward("whole", { shape: { batch: 1, length: tokens.length } });
    model.recordLogits(recorded);
    const program = recorded.tape.finish();
    const { bindings, made } = model.bind(program);
    const data: Record<string, Int32Array> = {
      [inputNames.ids]: Int32Array.from(tokens),
      [inputNames.positions]: Int32Array.from(tokens.keys()),
      [inputNames.segments]: new Int32Array(tokens.length).fill(1),
    };
    for (const [name, buffer] of made) if (data[name]) model.backend.upload(buffer, data[name]);
    model.backend.run(await model.backend.compile(program, bindings));
    const logits = await model.backend.download(made.get("logits")!);
    tokens.push(argmax(logits.subarray(-model.config.vocabSize)));
  }
  return tokens.slice(prompt.length);
}

describe("generate", () => {
  it("gives with a cache, in a batch of unequal prompts, what the whole sequence gives one by one", async () => {
    const prompts = [[5, 9, 200, 31, 7, 77], [300], [12, 13, 14]];
    const results = await generate(model, prompts, { stopTokens: new Set(), maxNewTokens: 6 });
    for (const [index, prompt] of prompts.entries()) expect(results[index]!.tokens).toEqual(await withoutCache(prompt, 6));
  });

  it("stops at a stop token and says so, while the others go on", async () => {
    const prompts = [
      [5, 9, 200, 31, 7, 77],
      [12, 13, 14],
    ];
    const free = await generate(model, prompts, { stopTokens: new Set(), maxNewTokens: 5 });
    const stop = free[0]!.tokens[1]!;
    const [first, second] = await generate(model, prompts, { stopTokens: new Set([stop]), maxNewTokens: 5 });
    expect(first).toEqual({ tokens: free[0]!.tokens.slice(0, free[0]!.tokens.indexOf(stop) + 1), finish: "stop" });
    expect(second!.tokens.slice(0, 1)).toEqual(free[1]!.tokens.slice(0, 1));
  });

  it("penalises what was said before: a large penalty lets no token come twice", async () => {
    const [free] = await generate(model, [[125, 184]], { stopTokens: new Set(), maxNewTokens: 12 });
    expect(new Set(free!.tokens).size).toBeLessThan(12);
    const [penalised] = await generate(model, [[125, 184]], { stopTokens: new Set(), maxNewTokens: 12, repetitionPenalty: 1e6 });
    expect(new Set([125, 184, ...penalised!.tokens]).size).toBe(14);
  });

  it("asks shouldStop after every token", async () => {
    const [result] = await generate(model, [[5, 9]], {
      stopTokens: new Set(),
      maxNewTokens: 9,
      shouldStop: (_, tokens) => tokens.length === 3,
    });
    expect(result).toMatchObject({ finish: "stop", tokens: { length: 3 } });
  });

  it("ends at the model's positions", async () => {
    const prompt = Array.from({ length: 46 }, (_, index) => index);
    const [result] = await generate(model, [prompt], { stopTokens: new Set(), maxNewTokens: 50 });
    expect(result).toMatchObject({ finish: "length" });
    expect(result!.tokens).toHaveLength(3);
  });

  it("is repeatable for a seed and differs for another", async () => {
    const sample = (seed: number) => generate(model, [[5, 6, 7]], { stopTokens: new Set(), maxNewTokens: 8, temperature: 1, seed });
    expect(await sample(1)).toEqual(await sample(1));
    expect(await sample(1)).not.toEqual(await sample(2));
  });

  it("refuses prompts that cannot be continued, by name", async () => {
    const options = { stopTokens: new Set<number>(), maxNewTokens: 1 };
    await expect(generate(model, [[]], options)).rejects.toThrow("prompt 0 is empty");
    await expect(generate(model, [[1], [320]], options)).rejects.toThrow(
      "prompt 1, token 0: id 320 is outside the model's vocabulary of 320",
    );
    await expect(generate(model, [new Array(48).fill(1)], options)).rejects.toThrow("prompt 0 has 48 tokens and the model 48 positions");
  });
});
