import {
  addBias,
  copy,
  elementCount,
  gatedActivation,
  matmul,
  opTable,
  Tape,
  type Instruction,
  type Program,
  type TensorSpec,
  type Value,
} from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { relativeL2 } from "@sft/kernels/testing";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { foldLowRank } from "./foldLowRank.ts";
import { listDispatches } from "../listDispatches.ts";
import { adapterStep } from "../testing/adapterStep.ts";
import { resultsOf } from "../testing/boundTensors.ts";
import { expectAccepted } from "../testing/expectAccepted.ts";

const limits: KernelLimits = {
  ...defaultLimits,
  maxBindingBytes: 2 ** 31 - 256,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
  matrixUnits: true,
};
const ROWS = 2048;
const nt = { transposeA: false, transposeB: true };

interface PairOptions {
  readonly rank?: number;
  readonly width?: number;
  readonly baseAlpha?: number;
  readonly alpha?: number;
  readonly pairType?: "f16" | "f32";
  readonly bias?: boolean;
  /** Records something between the base product and the pair's second. */
  readonly between?: (tape: Tape, base: Value, weight: Value) => void;
}

/** y = alpha (x A^T) B^T + (baseAlpha x W^T + residual). */
function forward({ rank = 16, width = 512, baseAlpha = 1, alpha = 2, pairType = "f32", bias, between }: PairOptions = {}): Program {
  const tape = new Tape("forward");
  const [x, residual] = [tape.input("x", [ROWS, 256], "f32"), tape.input("residual", [ROWS, width], "f32")];
  const weight = tape.parameter("W", [width, 256], false, "f16");
  const [a, b] = [tape.parameter("A", [rank, 256], true), tape.parameter("B", [width, rank], false, pairType)];
  let base = tape.apply(matmul, [x, weight, residual], { ...nt, alpha: baseAlpha })[0]!;
  if (bias) base = tape.apply(addBias, [base, tape.parameter("bias", [width], false)], {})[0]!;
  const low = tape.apply(matmul, [x, a], { ...nt, alpha: 1 })[0]!;
  between?.(tape, base, weight);
  tape.apply(copy, [tape.apply(matmul, [low, b, base], { ...nt, alpha })[0]!], {}, [tape.output("y", [ROWS, width])]);
  return tape.finish();
}

/** A residual block of three linear layers with pairs, two of which share their input. */
function trainingStep(rows = ROWS, bias = false): Program {
  return adapterStep({ rows, width: 256, vocabulary: 64, supervised: 32, bias }, ({ apply, linear }, hidden) => {
    const gated = apply(gatedActivation, [linear(hidden, "gate", 512), linear(hidden, "up", 512)], { kind: "silu" });
    return linear(gated, "down", 256, hidden);
  });
}

const ops = ({ instructions }: Program): readonly string[] => instructions.map(({ op }) => op);

it("makes one instruction of base and second product, where the second stood", () => {
  const program = forward();
  const folded = foldLowRank(program, limits);
  expect(ops(folded)).toEqual(["matmul", "lowRankProduct", "copy"]);
  const names = ({ inputs }: Instruction): readonly string[] => inputs.map((index) => program.tensors[index]!.name);
  const [low, pair] = folded.instructions as [Instruction, Instruction];
  expect(names(pair)).toEqual(["x", "W", program.tensors[low.outputs[0]!]!.name, "B", "residual"]);
  expect(pair.attributes).toEqual({ transposeB: true, alpha: 1, transposeWide: true, lowRankAlpha: 2 });
});

it("adds a bias that stood between both after them", () => {
  const program = forward({ bias: true });
  const folded = foldLowRank(program, limits);
  expect(ops(folded)).toEqual(["matmul", "lowRankProduct", "addBias", "copy"]);
  const [, pair, bias, copied] = folded.instructions as [Instruction, Instruction, Instruction, Instruction];
  expect(bias.inputs[0]).toBe(pair.outputs[0]);
  expect(copied.inputs).toEqual(bias.outputs);
  const read = forward({ bias: true, between: (tape, base) => tape.apply(copy, [base], {}, [tape.output("base", base.shape)]) });
  expect(foldLowRank(read, limits)).toBe(read);
});

it("leaves products alone whose sum is read elsewhere, that cannot move, or that have no kernel", () => {
  const untouched = [
    forward({ between: (tape, base) => tape.apply(copy, [base], {}, [tape.output("base", base.shape)]) }),
    forward({ between: (tape, _, weight) => tape.apply(copy, [tape.input("new", weight.shape, "f16")], {}, [weight]) }),
    forward({ rank: 12 }),
    forward({ rank: 72 }),
    forward({ width: 64 }),
    forward({ alpha: 128 }),
    forward({ pairType: "f16" }),
  ];
  for (const program of untouched) expect(foldLowRank(program, limits)).toBe(program);
  const program = forward();
  expect(foldLowRank(program, { ...limits, matrixUnits: false })).toBe(program);
  expect(foldLowRank(program, { ...limits, maxBindingBytes: 2 ** 20 })).toBe(program);
});

it("launches a pair with its base product's tile, and in place where what it is added to dies", () => {
  const program = trainingStep();
  const pairs = listDispatches(program, opTable, limits).dispatches.filter(({ kernel }) => kernel.label.includes("and rank 16"));
  // Gate and up read the same input and share a launch. Only down's addend, the residual stream, lives on; the gradients of gate and up are
  // added to it in place.
  expect(pairs.map(({ kernel }) => kernel.bindings.map(({ name }) => name).join(" "))).toEqual([
    "a_0 b_0 thin_0 wide_0 y_0 b_1 thin_1 wide_1 y_1",
    "a b thin wide addend y",
    "a b thin wide y",
    "a b thin wide y",
    "a b thin wide y",
  ]);
  const factors = pairs.map(
    ({ kernel, parameters }) => parameters[kernel.parameters.findIndex(({ name }) => name.startsWith("lowRankFactor"))],
  );
  expect(factors).toEqual([0.5, 0.5, 1, 1, 1]);
});

it("writes WGSL that Dawn accepts, for all ranks that have a kernel", async () => {
  const programs = [trainingStep(), ...[8, 24, 32, 64].map((rank) => forward({ rank }))];
  const kernels = new Map(
    programs.flatMap((one) => listDispatches(one, opTable, limits).dispatches.map(({ kernel }) => [kernel.wgsl, kernel])),
  );
  const pairs = [...kernels.values()].filter(({ label }) => /and rank (8|16|24|32|64)/.test(label));
  expect(pairs.length).toBeGreaterThanOrEqual(8);
  await expectAccepted(pairs);
});

it("scales both products by the base's factor at the end, and the pair before by the quotient", () => {
  const { dispatches } = listDispatches(forward({ baseAlpha: 4, alpha: 2 }), opTable, limits);
  const { kernel, parameters } = dispatches.find((one) => one.kernel.label.endsWith("and rank 16"))!;
  const values = Object.fromEntries(kernel.parameters.map(({ name }, slot) => [name, parameters[slot]]));
  expect(values).toMatchObject({ m: ROWS, k: 256, alpha: 4, lowRankFactor: 0.5 });
});

/** The folded program in words that every backend knows: the low-rank product first, the base product added to it. */
function unfolded(program: Program): Program {
  const tensors: TensorSpec[] = [...program.tensors];
  const instructions = program.instructions.flatMap((instruction): readonly Instruction[] => {
    if (instruction.op !== "lowRankProduct") return [instruction];
    const [a, b, thin, wide, ...addend] = instruction.inputs as [number, number, number, number];
    const { transposeB, alpha, transposeWide, lowRankAlpha } = instruction.attributes as Record<string, number>;
    const sum = tensors.push({ ...tensors[instruction.outputs[0]!]!, name: "sum", role: "activation" }) - 1;
    return [
      {
        op: "matmul",
        inputs: [thin, wide, ...addend],
        outputs: [sum],
        attributes: { transposeA: false, transposeB: transposeWide!, alpha: lowRankAlpha! },
      },
      {
        op: "matmul",
        inputs: [a, b, sum],
        outputs: instruction.outputs,
        attributes: { transposeA: false, transposeB: transposeB!, alpha: alpha! },
      },
    ];
  });
  return { ...program, tensors, instructions };
}

function filled({ name, dtype, shape }: TensorSpec): Float32Array | Int32Array {
  const length = elementCount(shape);
  if (name === "rows") return Int32Array.from({ length }, (_, i) => i);
  if (dtype === "i32") return Int32Array.from({ length }, (_, i) => (i * 31) % 64);
  return Float32Array.from({ length }, (_, i) => Math.sin(name.length + 1.3 * i * name.charCodeAt(0)) / 8);
}

it.each([false, true])("computes the loss and gradients of the program it comes from, biases: %s", async (bias) => {
  const program = trainingStep(48, bias);
  const folded = foldLowRank(program, limits, ({ inputs }) => inputs[2]!.shape[1] === 16);
  expect(ops(folded).filter((op) => op === "lowRankProduct")).toHaveLength(6);
  expect(ops(folded).filter((op) => op === "matmul")).toHaveLength(12);
  const [expected, actual] = await Promise.all(
    [program, unfolded(folded)].map(async (one) => resultsOf(await createCpuBackend({ precision: "float64" }), one, filled)),
  );
  expect(expected!.size).toBe(8);
  // In float64 only the order of sums differs; results are handed over in float32, which is one rounding of 2^-24.
  for (const [name, values] of expected!) expect(relativeL2(actual!.get(name)!, values), name).toBeLessThan(2 ** -24);
});
