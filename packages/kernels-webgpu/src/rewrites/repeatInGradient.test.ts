import {
  activation,
  backward,
  copy,
  elementCount,
  gatedActivation,
  linearCrossEntropy,
  matmul,
  opTable,
  planMemory,
  rmsNorm,
  Tape,
  type Program,
  type TensorSpec,
  type Value,
} from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { describeProgram, relativeL2 } from "@sft/kernels/testing";
import { describe, expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { fuseNormGradients } from "./fuseNormGradients.ts";
import { fuseResidual } from "./fuseResidual.ts";
import { listDispatches } from "../listDispatches.ts";
import { createBackend } from "../node.ts";
import { repeatCheap } from "./repeatCheap.ts";
import { definitionsWithResult, repeatInGradient } from "./repeatInGradient.ts";
import { resultsOf } from "../testing/boundTensors.ts";
import { expectAccepted } from "../testing/expectAccepted.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";

const apart = (a: number, b: number): boolean => a === b;
const product = { transposeA: false, transposeB: true, alpha: 1 };

interface Options {
  readonly blocks?: number;
  /** An activation function with a gate or without. */
  readonly gated?: boolean;
  /** Gradients are added to. */
  readonly later?: boolean;
  readonly tokens?: number;
  readonly width?: number;
}

/** A step of norms and feed-forward blocks on a residual stream, all weights trained: forward and backward pass. */
function step({ blocks = 1, gated = true, later = false, tokens = 32, width = 16 }: Options = {}): Program {
  const tape = new Tape("step");
  const weight = (name: string, shape: readonly number[]): Value => tape.parameter(name, shape, true);
  let x = tape.apply(matmul, [tape.input("a", [tokens, width], "f32"), weight("embed", [width, width])], product)[0]!;
  for (let i = 0; i < blocks; i++) {
    const normed = tape.apply(rmsNorm, [x, weight(`norm${i}`, [width])], { epsilon: 1e-5, weightOffset: 1 })[0]!;
    const project = (name: string): Value => tape.apply(matmul, [normed, weight(`${name}${i}`, [2 * width, width])], product)[0]!;
    const [gate, up] = [project("gate"), gated ? project("up") : null];
    const hidden = up
      ? tape.apply(gatedActivation, [gate, up], { kind: "silu" })[0]!
      : tape.apply(activation, [gate], { kind: "geluTanh" })[0]!;
    x = tape.apply(matmul, [hidden, weight(`down${i}`, [width, 2 * width]), x], product)[0]!;
  }
  const rows = Math.min(7, tokens);
  const inputs = [tape.input("rows", [rows]), tape.input("targets", [rows]), tape.input("weights", [rows], "f32")];
  const attributes = { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 };
  const loss = tape.apply(linearCrossEntropy, [x, weight("head", [12, width]), ...inputs], attributes)[0]!;
  backward(tape, loss, ({ name, shape }) => tape.external(`gradient of ${name}`, "gradient", shape), { overwrite: !later });
  return tape.finish();
}

/** The program as it is where results are repeated for the backward pass and both gradients of a norm are one instruction. */
function repeated(options?: Options): Program {
  return fuseNormGradients(fuseResidual(repeatCheap(step(options), opTable)), defaultLimits, apart);
}

const opsOf = ({ instructions }: Program): readonly string[] => instructions.map(({ op }) => op);
const countOf = (program: Program, op: string): number => opsOf(program).filter((one) => one === op).length;

describe("repeatInGradient", () => {
  it("lets gradients' kernels write the results, and the products that read them stand after", () => {
    const backwardPass = (program: Program): Program => ({
      ...program,
      instructions: program.instructions.slice(opsOf(program).indexOf("linearCrossEntropyGrad")),
    });
    const before = repeated();
    expect(countOf(before, "rmsNorm")).toBe(2);
    expect(countOf(before, "gatedActivation")).toBe(2);
    expect(describeProgram(backwardPass(repeatInGradient(before, defaultLimits, apart)))).toMatchInlineSnapshot(`
      "%3 = linearCrossEntropyGrad(%0, %1, head, rows, targets, weights, %2)
      gradient of head = linearCrossEntropyWeightGrad(%0, %1, head, rows, targets, weights, %2)
      %4 = matmul(%3, down0)
      %7, %8, %9 = gatedActivationGradAndResult(%4, %5, %6)
      gradient of down0 = matmul(%3, %9)
      %10 = matmul(%8, up0)
      %11 = matmul(%7, gate0, %10)
      %14, %15, %16 = normGradients(%11, %12, norm0, %13, %3)
      gradient of up0 = matmul(%8, %16)
      gradient of gate0 = matmul(%7, %16)
      gradient of norm0 = sumBlocks(%15)
      gradient of embed = matmul(%14, a)"
    `);
  });

  it("does so for activation functions without a gate", () => {
    const after = repeatInGradient(repeated({ gated: false, later: true }), defaultLimits, apart);
    expect(["rmsNorm", "activation", "activationGrad", "activationGradAndResult"].map((op) => countOf(after, op))).toEqual([1, 1, 0, 1]);
  });

  /** Changes the instruction of an op that comes last. */
  const withLast = (op: string, change: Partial<Program["instructions"][0]>, program = repeated()): Program => {
    const at = opsOf(program).lastIndexOf(op);
    return { ...program, instructions: program.instructions.map((one, i) => (i === at ? { ...one, ...change } : one)) };
  };
  const resultsIn = (program: Program): readonly number[] => {
    const after = repeatInGradient(program, defaultLimits, apart);
    return ["rmsNorm", "gatedActivation"].map((op) => countOf(after, op));
  };

  it("leaves results of other attributes than the gradient's", () => {
    expect(resultsIn(repeated())).toEqual([1, 1]);
    expect(resultsIn(withLast("rmsNorm", { attributes: { epsilon: 1e-6, weightOffset: 1 } }))).toEqual([2, 1]);
    expect(resultsIn(withLast("gatedActivation", { attributes: { kind: "gelu" } }))).toEqual([1, 2]);
  });

  it("leaves a norm whose deviations somebody reads", () => {
    const program = repeated();
    const last = program.instructions[opsOf(program).lastIndexOf("rmsNorm")]!;
    const gradient = program.instructions[opsOf(program).indexOf("normGradients")]!;
    const inputs = gradient.inputs.map((input, slot) => (slot === 3 ? last.outputs[1]! : input));
    expect(resultsIn(withLast("normGradients", { inputs }))).toEqual([2, 1]);
  });

  it("leaves a result that is needed before the gradient", () => {
    const program = repeated();
    const at = opsOf(program).lastIndexOf("gatedActivation");
    const tensors: TensorSpec[] = [...program.tensors, { name: "seen", role: "output", dtype: "f32", shape: [16, 32] }];
    // A product's result that is read before the gradient, and the gradient that this product writes.
    const written = program.instructions[at + 1]!.outputs[0]!;
    const reader = { op: "copy", inputs: [written], outputs: [tensors.length - 1], attributes: {} };
    const instructions = program.instructions.toSpliced(at + 2, 0, reader);
    expect(resultsIn({ ...program, tensors, instructions })).toEqual([1, 2]);
  });

  it("leaves what a launch has no buffer for", () => {
    const program = repeated();
    const gradient = program.instructions[opsOf(program).indexOf("normGradients")]!;
    const [dx, sums] = gradient.outputs as [number, number];
    const tensors: TensorSpec[] = [...program.tensors, { ...program.tensors[dx]!, dtype: "f16" }];
    // dy, x, weight, 1 / deviation, the stream, dx, its copy and the sums are eight already.
    const full = { ...withLast("normGradients", { outputs: [dx, tensors.length - 1, sums] }), tensors };
    expect(resultsIn(full)).toEqual([2, 1]);
    expect(countOf(repeatInGradient(full, { ...defaultLimits, matrixUnits: true }, apart), "rmsNorm")).toBe(1);
  });

  it("returns a program without such results as it is", () => {
    const tape = new Tape("none");
    tape.apply(copy, [tape.input("a", [4], "f32")], {}, [tape.output("b", [4])]);
    const program = tape.finish();
    expect(repeatInGradient(program, defaultLimits, apart)).toBe(program);
    const kept = step();
    expect(repeatInGradient(kept, defaultLimits, apart)).toBe(kept);
  });

  it("needs no more memory than results that are repeated apart", () => {
    const program = repeated({ blocks: 3 });
    const bytesOf = (one: Program): number =>
      planMemory(one, new Map([...opTable, ...definitionsWithResult.map((own) => [own.name, own] as const)])).activationBytes;
    expect(bytesOf(repeatInGradient(program, defaultLimits, apart))).toBeLessThanOrEqual(bytesOf(program));
  });
});

it("writes WGSL that Dawn accepts on matrix units", async () => {
  const units: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };
  const kernels = [true, false].flatMap((gated) =>
    listDispatches(step({ blocks: 2, tokens: 256, width: 256, gated }), opTable, units).dispatches.map(({ kernel }) => kernel),
  );
  const labels = new Set(kernels.map(({ label }) => label.split(",")[0]));
  for (const label of ["rmsNormGradients and rmsNorm", "gatedActivationGrad silu and gatedActivation"]) expect(labels).toContain(label);
  expect(labels).toContain("activationGrad geluTanh and activation");
  await expectAccepted(kernels);
});

describeOnGpu("a step whose gradients' kernels write results again", () => {
  const fill = ({ name, shape, dtype }: TensorSpec): Float32Array | Int32Array => {
    const length = elementCount(shape);
    if (name === "rows") return Int32Array.from({ length }, (_, i) => i);
    if (dtype === "i32") return Int32Array.from({ length }, (_, i) => (i * 5) % 12);
    return Float32Array.from({ length }, (_, i) => 0.3 * Math.sin(name.length + 1.7 * i + 0.3 * Math.sqrt(i)));
  };
  it.each<Options>([
    { blocks: 3 },
    { blocks: 2, later: true },
    { blocks: 2, gated: false },
    { blocks: 2, gated: false, tokens: 9, width: 7, later: true },
    { blocks: 2, tokens: 9, width: 7 },
  ])("of %o has the values of float64", async (options) => {
    const program = step(options);
    const labels = listDispatches(program, opTable, defaultLimits).dispatches.map(({ kernel }) => kernel.label);
    expect(labels.filter((label) => label.startsWith("rmsNormGradients and rmsNorm")).length).toBe(options.blocks);
    const result = options.gated === false ? /^activationGrad \w+ and activation/ : /^gatedActivationGrad \w+ and gatedActivation/;
    expect(labels.filter((label) => result.test(label)).length).toBe(options.blocks);
    const [gpu, reference] = await Promise.all([createBackend(testDeviceOptions), createCpuBackend({ precision: "float64" })]);
    const [actual, exact] = [await resultsOf(gpu, program, fill), await resultsOf(reference, program, fill)];
    const names = program.tensors.filter(({ role }) => role === "gradient").map(({ name }) => name);
    expect(names.length).toBe(2 + (options.gated === false ? 3 : 4) * options.blocks!);
    for (const name of names) {
      // Products of 32 elements and sums over 32 tokens, some ten in a row through the blocks, and 32 for functions.
      const tolerance = 10 * (8 * Math.sqrt(32) + 32) * 2 ** -24;
      expect(relativeL2(actual.get(name)!, exact.get(name)!), name).toBeLessThan(tolerance);
    }
    await Promise.all([gpu.dispose(), reference.dispose()]);
  });
});
