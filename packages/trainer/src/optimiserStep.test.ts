import { wrapBackend } from "@sft/kernels";
import { padBatch, type ShiftedRow, type TokenBatch } from "@sft/mask";
import type { LanguageModel } from "@sft/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OptimiserStep } from "./optimiserStep.ts";
import { defaultSettings } from "./settings.ts";
import { stateNames } from "./stepPrograms.ts";
import { loadTinyModel, randomRows } from "./testing/tinyModel.ts";

interface Accumulated {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

let model: LanguageModel;
let optimiser: OptimiserStep;

beforeAll(async () => {
  model = await loadTinyModel();
  optimiser = await OptimiserStep.create(model, { ...defaultSettings, method: "full", maxSteps: 1 });
});
afterAll(async () => {
  optimiser.dispose();
  await model.backend.dispose();
});

async function accumulate(batches: readonly TokenBatch[]): Promise<Accumulated> {
  // The loss scale is 1.
  await optimiser.accumulate(batches, 0);
  const read = async (name: string): Promise<Float32Array> => Float32Array.from(await model.backend.download(optimiser.state.get(name)!));
  const gradients = new Map<string, Float32Array>();
  for (const { name } of optimiser.parameters) gradients.set(name, await read(stateNames.gradient(name)));
  return { loss: (await read(stateNames.loss))[0]!, gradients };
}

function relativeL2(actual: Float32Array, expected: Float32Array): number {
  const difference = actual.reduce((sum, value, index) => sum + (value - expected[index]!) ** 2, 0);
  return Math.sqrt(difference / (expected.reduce((sum, value) => sum + value ** 2, 0) || 1));
}

/** float32 sums of about 100 terms in another order: sqrt(100) * 6e-8 a layer, over a handful of layers. */
const reordered = 5e-6;

function expectSame(actual: Accumulated, expected: Accumulated): void {
  expect(Math.abs(actual.loss - expected.loss)).toBeLessThan(1e-5);
  for (const [name, gradient] of expected.gradients)
    expect(relativeL2(actual.gradients.get(name)!, gradient), name).toBeLessThan(reordered);
}

describe("accumulation over a step", () => {
  const rows = randomRows(8, 11);

  it.each([1, 2, 4, 8])("gives the same loss and gradients in %d micro batches of unequal token counts", async (parts) => {
    const whole = await accumulate([padBatch(rows)]);
    const size = rows.length / parts;
    const split = Array.from({ length: parts }, (_, part) => padBatch(rows.slice(part * size, (part + 1) * size)));
    expectSame(await accumulate(split), whole);
  });

  it("is no mean of means: unequal micro batches averaged by themselves give another loss", async () => {
    const halves = [rows.slice(0, 1), rows.slice(1)].map((part) => padBatch(part));
    const together = (await accumulate(halves)).loss;
    const [first, second] = [(await accumulate([halves[0]!])).loss, (await accumulate([halves[1]!])).loss];
    expect(Math.abs((first + second) / 2 - together)).toBeGreaterThan(1e-3);
    const weighted = (first * halves[0]!.weightSum + second * halves[1]!.weightSum) / (halves[0]!.weightSum + halves[1]!.weightSum);
    expect(Math.abs(weighted - together)).toBeLessThan(1e-5);
  });

  it("ignores padding: extra columns change nothing", async () => {
    const length = Math.max(...rows.map((row) => row.inputIds.length));
    expectSame(await accumulate([padBatch(rows, { length: length + 13, padId: 7 })]), await accumulate([padBatch(rows)]));
  });

  it("keeps packed segments apart: several rows in one sequence equal the rows by themselves", async () => {
    const packed = packInto(rows, 64);
    expect(packed.rows).toBeLessThan(rows.length);
    expectSame(await accumulate([packed]), await accumulate([padBatch(rows)]));
  });

  it("gives loss 0 and zero gradients when nothing is supervised", async () => {
    const masked = rows.map((row) => ({ ...row, weights: row.weights.map(() => 0) }));
    const { loss, gradients } = await accumulate([padBatch(masked)]);
    expect(loss).toBe(0);
    for (const [name, gradient] of gradients)
      expect(
        gradient.every((value) => value === 0),
        name,
      ).toBe(true);
  });
});

describe("the update", () => {
  it("changes nothing when a gradient is not finite", async () => {
    const broken = await loadTinyModel();
    const step = await OptimiserStep.create(broken, { ...defaultSettings, method: "full", maxSteps: 10, learningRate: 1e-2 });
    const name = "model.norm.weight";
    const poisoned = await broken.download(name);
    poisoned[3] = Number.POSITIVE_INFINITY;
    broken.backend.upload(broken.buffers.get(name)!, poisoned);
    const before = await broken.download("lm_head.weight");
    const { finite } = await (await step.run([padBatch(randomRows(2, 5))], 1)).metrics;
    expect(finite).toBe(false);
    expect(await broken.download("lm_head.weight")).toEqual(before);
    step.dispose();
    await broken.backend.dispose();
  });
});

/** Rows one behind the other in sequences of `length`, first fit: a packing written out by hand, to compare with. */
function packInto(rows: readonly ShiftedRow[], length: number): TokenBatch {
  const bins: ShiftedRow[][] = [];
  for (const row of rows) {
    const bin = bins.find((one) => one.reduce((sum, { inputIds }) => sum + inputIds.length, 0) + row.inputIds.length <= length);
    if (bin) bin.push(row);
    else bins.push([row]);
  }
  const batch = {
    rows: bins.length,
    length,
    inputIds: new Int32Array(bins.length * length),
    positions: new Int32Array(bins.length * length),
    segments: new Int32Array(bins.length * length),
    targets: new Int32Array(bins.length * length),
    weights: new Float32Array(bins.length * length),
    supervisedTokens: 0,
    weightSum: 0,
  };
  bins.forEach((bin, index) => {
    let at = index * length;
    bin.forEach((row, segment) => {
      batch.inputIds.set(row.inputIds, at);
      batch.targets.set(row.targets, at);
      batch.weights.set(row.weights, at);
      batch.positions.set(
        row.inputIds.map((_, position) => position),
        at,
      );
      batch.segments.fill(segment + 1, at, at + row.inputIds.length);
      at += row.inputIds.length;
    });
  });
  batch.supervisedTokens = batch.weights.filter((weight) => weight !== 0).length;
  batch.weightSum = batch.weights.reduce((sum, weight) => sum + weight, 0);
  return batch;
}

it("gives the same bits times the loss scale, a power of two, which the update takes out again", async () => {
  const { backend } = model;
  // The same backend, but it says that its products round to float16; it takes no weights that are rounded already.
  const capabilities = { ...backend.capabilities, productRoundoff: 2 ** -11, halfWeights: false };
  const rounding = wrapBackend(backend, { capabilities });
  const scaledModel = Object.create(model, { backend: { value: rounding } }) as LanguageModel;
  const scaled = await OptimiserStep.create(scaledModel, { ...defaultSettings, method: "full", maxSteps: 1 });
  const batches = [padBatch(randomRows(4, 5))];
  const expected = await accumulate(batches);
  const scale = await scaled.accumulate(batches, 0);
  expect(scale).toBeGreaterThan(1);
  const read = async (name: string): Promise<Float32Array> => Float32Array.from(await backend.download(scaled.state.get(name)!));
  expect((await read(stateNames.loss))[0]! / scale).toBe(expected.loss);
  for (const [name, gradient] of expected.gradients)
    expect(
      (await read(stateNames.gradient(name))).map((value) => value / scale),
      name,
    ).toEqual(gradient);

  const moved = async (step: OptimiserStep): Promise<unknown> => {
    const before = new Map<string, Float32Array>();
    for (const { name } of model.parameters) before.set(name, await model.download(name));
    const { loss, gradNorm } = await (await step.run(batches, 0)).metrics;
    const after: unknown[] = [loss, gradNorm];
    for (const [name, values] of before) {
      after.push(await model.download(name));
      backend.upload(model.buffers.get(name)!, values);
    }
    return after;
  };
  expect(await moved(scaled)).toEqual(await moved(await OptimiserStep.create(model, { ...defaultSettings, method: "full", maxSteps: 1 })));
  scaled.dispose();
});
