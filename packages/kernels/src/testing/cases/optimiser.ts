import { cast } from "../../ops/cast.ts";
import { scale } from "../../ops/elementwise.ts";
import { adamw, gradNorm, unscaleNorm, type AdamwAttributes } from "../../ops/optimiser.ts";
import { constants, floats, halves, opCase, type CaseData, type CaseTensor, type ConformanceCase } from "../conformanceCase.ts";
import type { Value } from "../../tape.ts";
import { exactly, rounded, summed, type Tolerance } from "../tolerance.ts";

function gradNormCase(name: string, inputs: readonly CaseTensor[]): ConformanceCase {
  const total = inputs.reduce((sum, input) => sum + input.shape.reduce((product, size) => product * size, 1), 0);
  return opCase({
    name,
    op: gradNorm,
    attributes: {},
    inputs,
    outputs: [summed(total, 2, "a sum of squares over all elements and a square root")],
    oracle(data) {
      const squares = inputs.reduce(
        (sum, { name: tensor }) => Array.from(data.get(tensor)!).reduce((part, value) => part + value ** 2, sum),
        0,
      );
      return [[Math.sqrt(squares), Number.isFinite(squares) ? 1 : 0]];
    },
  });
}

const many = Array.from({ length: 13 }, (_, index) => floats(`g${index}`, [1 + index, 3]));
const withOne = (value: number): CaseTensor =>
  constants(
    "bad",
    [65],
    Array.from({ length: 65 }, (_, index) => (index === 64 ? value : 0.5)),
  );

const attributes: AdamwAttributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 0 };
const STEPS = 4;
const schedules = (beta1: number, beta2: number): number[] =>
  Array.from({ length: STEPS }, (_, step) => [0.05 / (step + 1), 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1), 0]).flat();

const ROUNDINGS = 16 * STEPS;
/** A float16 copy, which starts as anything. */
const copied: Tolerance = rounded(ROUNDINGS + 2 ** 13, "the parameter's roundings, and half of the last of a float16's 11 places");

/** Four steps in one program, each with a gradient, a schedule and a gate of its own; the gate is given, so that this is a case of adamw alone. */
function adamwCase(
  name: string,
  shape: readonly number[],
  settings: AdamwAttributes,
  gates: readonly (readonly [number, number, number])[],
  copies = false,
): ConformanceCase {
  const rows = schedules(settings.beta1, settings.beta2);
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  const state = (tensor: CaseTensor): CaseTensor => ({ ...tensor, updated: true });
  const magnitude = (tensor: CaseTensor): CaseTensor => ({
    ...tensor,
    values: (random) => (tensor.values(random) as Float64Array).map(Math.abs),
  });
  return {
    name: `adamw: ${name}, ${shape.join("x")}${copies ? ", with a float16 copy" : ""}`,
    tensors: [
      state(floats("p", shape)),
      state(floats("m", shape, 0.01)),
      state(magnitude(floats("v", shape, 0.001))),
      ...steps.flatMap((step) => [
        floats(`g${step}`, shape),
        constants(`schedule${step}`, [4], rows.slice(4 * step, 4 * step + 4)),
        constants(`gate${step}`, [3], gates[step % gates.length]!),
      ]),
      ...(copies ? [state(halves("copy", shape))] : []),
    ],
    record(tape, [p, m, v, ...rest]) {
      const copy = rest.slice(3 * STEPS);
      for (const step of steps)
        tape.apply(adamw, [p!, rest[3 * step]!, m!, v!, rest[3 * step + 1]!, rest[3 * step + 2]!, ...copy], settings, [p, m, v, ...copy]);
      return [p!, m!, v!, ...copy];
    },
    outputs: [
      ...[0, 1, 2].map(() => rounded(ROUNDINGS, "about 16 rounded operations an element and step, none of which cancels much")),
      ...(copies ? [copied] : []),
    ],
    oracle(data) {
      const moved = recomputed(data, settings, steps);
      return copies ? [...moved, moved[0]!] : moved;
    },
  };
}

function recomputed(
  data: CaseData,
  { beta1, beta2, epsilon, weightDecay, maxGradNorm }: AdamwAttributes,
  steps: readonly number[],
): readonly Float64Array[] {
  const [p, m, v] = ["p", "m", "v"].map((name) => Float64Array.from(data.get(name)!)) as [Float64Array, Float64Array, Float64Array];
  for (const step of steps) {
    const gradient = data.get(`g${step}`)!;
    const [learningRate, bias1, bias2] = Array.from(data.get(`schedule${step}`)!) as [number, number, number];
    const [norm, finite, unscale] = Array.from(data.get(`gate${step}`)!) as [number, number, number];
    if (finite === 0) continue;
    const clip = unscale * (maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1);
    for (let index = 0; index < p.length; index++) {
      const g = gradient[index]! * clip;
      m[index] = beta1 * m[index]! + (1 - beta1) * g;
      v[index] = beta2 * v[index]! + (1 - beta2) * g * g;
      p[index] =
        p[index]! * (1 - learningRate * weightDecay) -
        ((learningRate / bias1) * m[index]!) / (Math.sqrt(v[index]!) / Math.sqrt(bias2) + epsilon);
    }
  }
  return [p, m, v];
}

/** A gradient of NaN behind a closed gate: parameter, state and copy keep their bits. */
function closedGate(name: string, copy: readonly CaseTensor[]): ConformanceCase {
  return opCase({
    name,
    op: adamw,
    attributes: { ...attributes, maxGradNorm: 1 },
    inputs: [
      floats("p", [3, 17]),
      constants(
        "g",
        [3, 17],
        Array.from({ length: 51 }, (_, index) => (index % 3 === 0 ? NaN : index % 3 === 1 ? Infinity : 1)),
      ),
      floats("m", [3, 17]),
      floats("v", [3, 17]),
      constants("schedule", [4], [0.1, 0.1, 0.001, 0]),
      constants("gate", [3], [NaN, 0, 1]),
      ...copy,
    ],
    inPlace: [[0, 0], [1, 2], [2, 3], ...copy.map(() => [3, 6] as const)],
    outputs: [0, 1, 2, ...copy].map(() => exactly("nothing is written")),
    oracle: (data) => ["p", "m", "v", ...copy.map((tensor) => tensor.name)].map((tensor) => data.get(tensor)!),
  });
}

/** The copy less the cast of the parameter. */
const copyIsCast: ConformanceCase = {
  name: "adamw: the float16 copy is the cast of the parameter, 9x33",
  tensors: [
    { ...floats("p", [9, 33]), updated: true },
    { ...floats("m", [9, 33], 0.01), updated: true },
    { ...constants("v", [9, 33], new Array<number>(297).fill(0.001)), updated: true },
    { ...halves("copy", [9, 33]), updated: true },
    floats("g", [9, 33]),
    constants("schedule", [4], [0.05, 0.1, 0.001, 0]),
    constants("gate", [3], [3.7, 1, 1]),
  ],
  record(tape, [p, m, v, copy, g, schedule, gate], output) {
    tape.apply(adamw, [p!, g!, m!, v!, schedule!, gate!, copy!], attributes, [p, m, v, copy]);
    const [narrow] = tape.apply(cast, [p!], { dtype: "f16" });
    const [one, other] = [copy!, narrow!].map((half) => tape.apply(cast, [half], { dtype: "f32" })[0]!) as [Value, Value];
    return [tape.add(one, tape.apply(scale, [other], { factor: -1 })[0]!, output("difference", [9, 33]))];
  },
  outputs: [exactly("both round to nearest, ties to even")],
  oracle: () => [new Float64Array(297)],
};

const open = [[3.7, 1, 1]] as const;
/** Gradients that carry a loss scale of 8. */
const scaled = [[3.7, 1, 0.125]] as const;

const unscaling: ConformanceCase = opCase({
  name: "a loss scale of 1024",
  op: unscaleNorm,
  attributes: {},
  inputs: [constants("norm", [2], [3.7, 1]), constants("scale", [1], [1024])],
  outputs: [exactly("a power of two")],
  oracle: () => [[Math.fround(3.7) / 1024, 1, 1 / 1024]],
});

export const optimiserCases: readonly ConformanceCase[] = [
  gradNormCase("one element", [floats("g", [1])]),
  gradNormCase("one tensor", [floats("g", [17, 65])]),
  gradNormCase("two tensors", [floats("g", [65]), floats("h", [3, 17])]),
  gradNormCase("13 tensors", many),
  gradNormCase("70,001 elements", [floats("g", [70_001])]),
  gradNormCase("a NaN closes the gate", [floats("g", [17]), withOne(NaN)]),
  gradNormCase("an Infinity closes the gate", [withOne(Infinity), floats("g", [17])]),
  gradNormCase("a -Infinity closes the gate", [withOne(-Infinity)]),
  adamwCase("no clipping", [17, 65], attributes, open),
  adamwCase("no decay, one element", [1], { ...attributes, weightDecay: 0 }, open),
  unscaling,
  adamwCase("clipped", [3, 17], { ...attributes, maxGradNorm: 1 }, open),
  adamwCase("clipped, under a loss scale", [4, 16], { ...attributes, maxGradNorm: 1 }, scaled),
  adamwCase("below the clipping norm", [65], { ...attributes, maxGradNorm: 10 }, open),
  adamwCase("other betas, large epsilon", [5, 13], { ...attributes, beta1: 0.8, beta2: 0.95, epsilon: 0.1 }, open),
  adamwCase("every other step refused", [17, 5], attributes, [
    [3.7, 1, 1],
    [Infinity, 0, 1],
  ]),
  closedGate("a closed gate changes no bit", []),
  adamwCase("no clipping", [17, 65], attributes, open, true),
  adamwCase("clipped", [4, 16], { ...attributes, maxGradNorm: 1 }, open, true),
  adamwCase("every other step refused", [17, 5], attributes, [...open, [Infinity, 0, 1]], true),
  closedGate("a closed gate changes no bit of a float16 copy", [halves("copy", [3, 17])]),
  copyIsCast,
];
