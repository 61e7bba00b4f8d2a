import { openModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { backward, linearCrossEntropy, type BackendBuffer } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inputNames } from "../graphOptions.ts";
import { LanguageModel } from "../languageModel.ts";
import { adapterParameters, layoutLora, type LoraConfig } from "./lora.ts";
import { mergedWeight } from "./mergeLora.ts";

const config: LoraConfig = {
  r: 3,
  alpha: 6,
  dropout: 0,
  targetModules: ["embed_tokens", "lm_head", "q_proj"],
  modulesToSave: ["model.norm"],
};
const ids = [5, 9, 5, 300, 17, 2];
let model: LanguageModel;

async function load(): Promise<LanguageModel> {
  const folder = await openModelFolder(goldenModelPath("llama"));
  const loaded = await LanguageModel.load({
    backend: await createCpuBackend({ precision: "float64" }),
    config: folder.config,
    weights: folder.tensors,
  });
  await folder.close();
  return loaded;
}

/** Loss of one sequence, and the gradients by the adapter's parameters if it is to be trained. */
async function lossOf(
  subject: LanguageModel,
  train: boolean,
): Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, ArrayLike<number>> }> {
  const { tape, graph, hidden } = subject.recordForward("loss", {
    shape: { batch: 1, length: ids.length },
    ...(train ? { method: "lora" as const } : {}),
  });
  const rows = [tape.input("rows", [5]), tape.input("targets", [5]), tape.input("weights", [5], "f32")];
  const [loss] = tape.apply(linearCrossEntropy, [hidden, graph.head("lm_head.weight").weight, ...rows], {
    alpha: 1,
    softcap: 0,
    labelSmoothing: 0,
    zLoss: 0,
  });
  tape.copy(loss!, tape.output("loss", [1]));
  if (train) backward(tape, loss!, ({ name, shape }) => tape.external(`gradient.${name}`, "gradient", shape));
  const program = tape.finish();
  const { bindings, made } = subject.bind(program);
  const data: Readonly<Record<string, Int32Array | Float64Array>> = {
    [inputNames.ids]: Int32Array.from(ids),
    [inputNames.order]: Int32Array.from(ids.keys()).sort((a, b) => ids[a]! - ids[b]! || a - b),
    [inputNames.positions]: Int32Array.from(ids.keys()),
    [inputNames.segments]: new Int32Array(ids.length).fill(1),
    rows: Int32Array.of(0, 1, 2, 3, 4),
    targets: Int32Array.from(ids.slice(1)),
    weights: Float64Array.of(1, 0.5, 1, 1, 2),
  };
  for (const [name, values] of Object.entries(data)) if (made.has(name)) subject.backend.upload(made.get(name)!, values);
  subject.backend.run(await subject.backend.compile(program, bindings));
  const read = (buffer: BackendBuffer): Promise<ArrayLike<number>> => subject.backend.download(buffer);
  const gradients = new Map<string, ArrayLike<number>>();
  for (const [name, buffer] of made) if (name.startsWith("gradient.")) gradients.set(name.slice("gradient.".length), await read(buffer));
  return { loss: (await read(made.get("loss")!))[0]!, gradients };
}

beforeAll(async () => {
  model = await load();
  const layout = await model.attachLora(config, { seed: 1 });
  // Neither A of the embedding nor B of the others may be 0, or half of the gradients would be.
  for (const { name, shape } of adapterParameters(layout)) {
    if (name.includes("lora_"))
      model.backend.upload(
        model.buffers.get(name)!,
        Float64Array.from({ length: shape[0]! * shape[1]! }, (_, i) => Math.fround(0.1 * Math.sin(i + name.length))),
      );
  }
});
afterAll(() => model.backend.dispose());

describe("LoRA on the embeddings and the head, and whole copies", () => {
  it("have the names and shapes that PEFT writes", () => {
    const shapes = adapterParameters(layoutLora(model.parameters, config)).map(({ name, shape }) => [name, shape.join("x")]);
    expect(shapes).toContainEqual(["base_model.model.model.embed_tokens.lora_embedding_A", "3x320"]);
    expect(shapes).toContainEqual(["base_model.model.model.embed_tokens.lora_embedding_B", "64x3"]);
    expect(shapes).toContainEqual(["base_model.model.lm_head.lora_B.weight", "320x3"]);
    expect(shapes.at(-1)).toEqual(["base_model.model.model.norm.weight", "64"]);
  });

  it("have the gradients of central differences, head and embeddings inside the fused loss", async () => {
    const { gradients } = await lossOf(model, true);
    expect(gradients.size).toBe(2 * 4 + 1);
    const step = 1e-4;
    for (const [name, gradient] of gradients) {
      const buffer = model.buffers.get(name)!;
      const values = Float64Array.from(await model.backend.download(buffer));
      const index = gradient.length > 900 ? 9 : 3;
      const at = async (value: number): Promise<number> => {
        model.backend.upload(buffer, values.with(index, value));
        return (await lossOf(model, false)).loss;
      };
      const quotient = ((await at(values[index]! + step)) - (await at(values[index]! - step))) / (2 * step);
      model.backend.upload(buffer, values);
      // The quotient's own error is of order step^2 times the third derivative, and 1e-16 / step of rounding.
      expect(Math.abs(quotient - gradient[index]!), name).toBeLessThan(1e-6 * Math.max(1, Math.abs(quotient)));
    }
  });

  it("give the loss of the merged weights", async () => {
    const merged = await load();
    const layout = model.adapter!;
    for (const [module, pair] of layout.modules) {
      const { kind } = model.parameters.find(({ name }) => name === `${module}.weight`)!;
      const weight = mergedWeight(await model.download(`${module}.weight`), kind, pair, {
        a: await model.download(pair.a.name),
        b: await model.download(pair.b.name),
      });
      merged.backend.upload(merged.buffers.get(`${module}.weight`)!, weight);
    }
    // Merged weights are rounded to float32: 6e-8 of each, over a loss near 30.
    expect(Math.abs((await lossOf(merged, false)).loss - (await lossOf(model, false)).loss)).toBeLessThan(1e-5);
    await merged.backend.dispose();
  });

  it.each([
    [{ modulesToSave: ["lm_haed"] }, /modules_to_save "lm_haed" names no module[\s\S]*Closest: lm_head/],
    [{ modulesToSave: ["lm_head"] }, /lm_head is both a LoRA target and in modules_to_save/],
    [{ useDora: true }, /DoRA is implemented for linear layers, and model.embed_tokens is none/],
    [{ dropout: 0.1 }, /LoRA on the output head lm_head has no dropout, got 0.1/],
  ])("refuse %j", (change, message) => {
    expect(() => layoutLora(model.parameters, { ...config, ...change })).toThrow(message);
  });
});
