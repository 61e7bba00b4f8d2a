import { dynamicCode, type Backend, type BackendBuffer } from "@sft/kernels";
import { externalTensors } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { randomFrom, type ParameterSpec } from "@sft/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultSettings, type TrainingSettings } from "../settings.ts";
import { stateNames } from "../stepPrograms.ts";
import type { OptimiserName } from "./index.ts";
import { schedulesOfStep, updateProgram } from "../updateProgram.ts";

const wide: ParameterSpec = { name: "wide.weight", shape: [5, 9], kind: "linear" };
const tall: ParameterSpec = { name: "tall.weight", shape: [9, 4], kind: "linear" };
const norm: ParameterSpec = { name: "norm.weight", shape: [7], kind: "norm" };
const specs = [wide, tall, norm];
const steps = 5;

const base: TrainingSettings = {
  ...defaultSettings,
  method: "full",
  maxSteps: steps,
  learningRate: 0.02,
  weightDecay: 0.1,
  maxGradNorm: 1,
};

type Values = ReadonlyMap<string, Float64Array>;
const sizeOf = ({ shape }: ParameterSpec): number => shape.reduce((product, size) => product * size, 1);
const draw = (seed: number): Values => {
  const random = randomFrom(seed);
  return new Map(specs.map((spec) => [spec.name, Float64Array.from({ length: sizeOf(spec) }, () => Math.fround(2 * random() - 1))]));
};
const start = draw(1);
const gradients = Array.from({ length: steps }, (_, step) => draw(10 + step));

let backend: Backend;
beforeAll(async () => void (backend = await createCpuBackend({ precision: "float64" })));
afterAll(() => backend.dispose());

/** Parameters after five updates by the recorded program, in float64, with given gradients. */
async function update(settings: TrainingSettings, parameters: readonly ParameterSpec[] = specs): Promise<Values> {
  const program = updateProgram(parameters, settings);
  const buffers = new Map<string, BackendBuffer>(externalTensors(program).map((tensor) => [tensor.name, backend.allocate(tensor)]));
  for (const { name } of parameters) backend.upload(buffers.get(name)!, start.get(name)!);
  backend.upload(buffers.get(stateNames.lossScale)!, Float32Array.of(1));
  const executable = await backend.compile(program, buffers);
  for (let step = 0; step < steps; step++) {
    for (const { name } of parameters) backend.upload(buffers.get(stateNames.gradient(name))!, gradients[step]!.get(name)!);
    for (const [name, data] of schedulesOfStep(parameters, settings, step, settings.learningRate)) backend.upload(buffers.get(name)!, data);
    backend.run(executable);
  }
  const results = new Map<string, Float64Array>();
  for (const { name } of parameters) results.set(name, Float64Array.from(await backend.download(buffers.get(name)!)));
  return results;
}

/** One parameter's formula: changes p, given the clipped gradient and the 1-based step. */
type Formula = (
  p: Float64Array,
  g: Float64Array,
  step: number,
  spec: ParameterSpec,
  state: Map<string, Float64Array>,
  decay: number,
) => void;

/** The same by a formula written out, clipping as torch.nn.utils.clip_grad_norm_ does. */
function expected(formula: Formula, settings: TrainingSettings): Values {
  const values = new Map([...start].map(([name, data]) => [name, Float64Array.from(data)]));
  const states = new Map(specs.map(({ name }) => [name, new Map<string, Float64Array>()]));
  for (let step = 1; step <= steps; step++) {
    const squares = [...gradients[step - 1]!.values()].reduce((sum, data) => data.reduce((part, value) => part + value ** 2, sum), 0);
    const clip = Math.min(1, settings.maxGradNorm / (Math.sqrt(squares) + 1e-6));
    for (const spec of specs) {
      const decay = spec.shape.length >= 2 ? settings.weightDecay : 0;
      formula(
        values.get(spec.name)!,
        gradients[step - 1]!.get(spec.name)!.map((value) => value * clip),
        step,
        spec,
        states.get(spec.name)!,
        decay,
      );
    }
  }
  return values;
}

const kept = (state: Map<string, Float64Array>, key: string, length: number): Float64Array => {
  const found = state.get(key) ?? new Float64Array(length);
  state.set(key, found);
  return found;
};
const rate = Math.fround(base.learningRate);

const adamw: Formula = (p, g, step, _, state, decay) => {
  const [m, v] = [kept(state, "m", p.length), kept(state, "v", p.length)];
  for (let i = 0; i < p.length; i++) {
    m[i] = 0.9 * m[i]! + 0.1 * g[i]!;
    v[i] = 0.999 * v[i]! + 0.001 * g[i]! ** 2;
    p[i] = p[i]! * (1 - rate * decay) - (rate * (m[i]! / (1 - 0.9 ** step))) / (Math.sqrt(v[i]! / (1 - 0.999 ** step)) + 1e-8);
  }
};
const sgd: Formula = (p, g, _, __, state, decay) => {
  const buffer = kept(state, "buffer", p.length);
  for (let i = 0; i < p.length; i++) {
    buffer[i] = 0.9 * buffer[i]! + g[i]! + decay * p[i]!;
    p[i]! -= rate * buffer[i]!;
  }
};
const lion: Formula = (p, g, _, __, state, decay) => {
  const m = kept(state, "m", p.length);
  for (let i = 0; i < p.length; i++) {
    p[i] = p[i]! * (1 - rate * decay) - rate * Math.sign(0.9 * m[i]! + 0.1 * g[i]!);
    m[i] = 0.999 * m[i]! + 0.001 * g[i]!;
  }
};
const adafactor: Formula = (p, g, step, { shape }, state, decay) => {
  const beta = 1 - step ** -0.8;
  let direction: Float64Array;
  if (shape.length === 2) {
    const [rows, columns] = shape as [number, number];
    const [row, column] = [kept(state, "row", rows), kept(state, "column", columns)];
    const square = (r: number, c: number): number => g[r * columns + c]! ** 2 + 1e-30;
    for (let r = 0; r < rows; r++) row[r] = beta * row[r]! + (1 - beta) * (sum(columns, (c) => square(r, c)) / columns);
    for (let c = 0; c < columns; c++) column[c] = beta * column[c]! + (1 - beta) * (sum(rows, (r) => square(r, c)) / rows);
    const mean = sum(rows, (r) => row[r]!) / rows;
    direction = g.map((value, i) => value / Math.sqrt(row[Math.floor(i / columns)]! / mean) / Math.sqrt(column[i % columns]!));
  } else {
    const v = kept(state, "v", p.length);
    for (let i = 0; i < p.length; i++) v[i] = beta * v[i]! + (1 - beta) * (g[i]! ** 2 + 1e-30);
    direction = g.map((value, i) => value / Math.sqrt(v[i]!));
  }
  const rootMeanSquare = Math.sqrt(sum(p.length, (i) => direction[i]! ** 2) / p.length);
  for (let i = 0; i < p.length; i++) p[i] = p[i]! * (1 - rate * decay) - (rate * direction[i]!) / Math.max(1, rootMeanSquare);
};
const muon: Formula = (p, g, step, spec, state, decay) => {
  if (spec.kind !== "linear") return adamw(p, g, step, spec, state, decay);
  const [rows, columns] = spec.shape as [number, number];
  const buffer = kept(state, "buffer", p.length);
  for (let i = 0; i < p.length; i++) buffer[i] = 0.95 * buffer[i]! + g[i]!;
  const direction = newtonSchulz(
    g.map((value, i) => value + 0.95 * buffer[i]!),
    rows,
    columns,
  );
  for (let i = 0; i < p.length; i++) p[i] = p[i]! * (1 - rate * decay) - rate * 0.2 * Math.sqrt(Math.max(rows, columns)) * direction[i]!;
};

function sum(count: number, value: (index: number) => number): number {
  let total = 0;
  for (let index = 0; index < count; index++) total += value(index);
  return total;
}

/** Five iterations on a matrix that has at most as many rows as columns, transposed first where it has more. */
function newtonSchulz(x: Float64Array, rows: number, columns: number): Float64Array {
  if (rows > columns) return transpose(newtonSchulz(transpose(x, rows, columns), columns, rows), columns, rows);
  const length = Math.sqrt(sum(x.length, (i) => x[i]! ** 2));
  let current = x.map((value) => value / (length + 1e-7));
  for (let iteration = 0; iteration < 5; iteration++) {
    const a = multiply(current, transpose(current, rows, columns), rows, columns, rows);
    const aa = multiply(a, a, rows, rows, rows);
    const polynomial = a.map((value, i) => -4.775 * value + 2.0315 * aa[i]!);
    const moved = multiply(polynomial, current, rows, rows, columns);
    current = current.map((value, i) => 3.4445 * value + moved[i]!);
  }
  return current;
}

function transpose(x: Float64Array, rows: number, columns: number): Float64Array {
  return x.map((_, i) => x[(i % rows) * columns + Math.floor(i / rows)]!);
}

function multiply(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  return Float64Array.from({ length: m * n }, (_, i) => sum(k, (p) => a[Math.floor(i / n) * k + p]! * b[p * n + (i % n)]!));
}

/** Schedules are rounded to float32 on their way to the device: 6e-8 of a step, and five steps of 0.02. */
const scheduleRounding = 5 * 0.02 * 6e-8 * 10;

/** Every optimiser but the one of adamw's formula on rounded state. */
const formulas: Readonly<Record<Exclude<OptimiserName, "adamw_8bit">, Formula>> = { adamw, sgd, lion, adafactor, muon };

describe("five updates equal the published formula in float64", () => {
  it.each(Object.entries(formulas))("%s", async (optimiser, formula) => {
    const settings = { ...base, optimiser: optimiser as OptimiserName };
    const [actual, wanted] = [await update(settings), expected(formula, settings)];
    for (const [name, values] of wanted)
      values.forEach((value, i) => expect(Math.abs(actual.get(name)![i]! - value), `${name}[${i}]`).toBeLessThan(scheduleRounding));
  });
});

describe("AdamW with 8-bit state", () => {
  it("keeps float32 state below 4,096 elements, and moves those parameters as AdamW does", async () => {
    expect(await update({ ...base, optimiser: "adamw_8bit" })).toEqual(await update(base));
  });
});

describe("LoRA+", () => {
  it("moves B as a learning rate `loraPlusRatio` times as large would, and A as before", async () => {
    const pair: readonly ParameterSpec[] = [
      { ...wide, name: "q.lora_A.weight" },
      { ...tall, name: "q.lora_B.weight" },
    ];
    for (const spec of pair) {
      (start as Map<string, Float64Array>).set(spec.name, start.get(spec.shape === wide.shape ? wide.name : tall.name)!);
      gradients.forEach((step) =>
        (step as Map<string, Float64Array>).set(spec.name, step.get(spec.shape === wide.shape ? wide.name : tall.name)!),
      );
    }
    const [plus, slow, fast] = [
      await update({ ...base, loraPlusRatio: 16 }, pair),
      await update(base, pair),
      await update({ ...base, learningRate: 16 * base.learningRate }, pair),
    ];
    expect(plus.get("q.lora_A.weight")).toEqual(slow.get("q.lora_A.weight"));
    expect(plus.get("q.lora_B.weight")).toEqual(fast.get("q.lora_B.weight"));
    expect(plus.get("q.lora_B.weight")).not.toEqual(slow.get("q.lora_B.weight"));
  });
});

describe("the error of 8-bit state against float32", () => {
  it("is at most 0.9 / 128 of the block's largest value an element: half the widest gap of the code", () => {
    for (const [signed, parts] of [
      [true, 64],
      [false, 128],
    ] as const) {
      const code = dynamicCode(signed);
      const widest = Math.max(...Array.from(code.subarray(1), (value, index) => value - code[index]!).filter((gap) => gap < 1 - 0.9 / 64));
      // Values are float32: 6e-8 each.
      expect(widest / 2).toBeLessThan(0.9 / parts / 2 + 1e-7);
    }
  });

  it("moves a parameter of 20 blocks as AdamW does, to a hundredth of the way", async () => {
    const large: ParameterSpec = { name: "large.weight", shape: [64, 80], kind: "linear" };
    const random = randomFrom(5);
    const values = (): Float64Array => Float64Array.from({ length: 5120 }, () => Math.fround(2 * random() - 1));
    (start as Map<string, Float64Array>).set(large.name, values());
    gradients.forEach((step) => (step as Map<string, Float64Array>).set(large.name, values()));
    const settings = { ...base, weightDecay: 0 };
    const moved = async (optimiser: "adamw" | "adamw_8bit"): Promise<Float64Array> =>
      (await update({ ...settings, optimiser }, [large])).get(large.name)!.map((value, i) => value - start.get(large.name)![i]!);
    const [exact, quantised] = [await moved("adamw"), await moved("adamw_8bit")];
    const squares = (data: Float64Array): number => Math.sqrt(sum(data.length, (i) => data[i]! ** 2));
    const error = squares(exact.map((value, i) => value - quantised[i]!)) / squares(exact);
    // Four roundings of m, each at most 0.7 % of the block's largest and 0.4 % in the mean square, of values that are half of it.
    expect(error).toBeLessThan(0.01);
    expect(error).toBeGreaterThan(1e-5);
  });
});
