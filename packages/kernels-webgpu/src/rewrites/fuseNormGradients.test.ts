import {
  cast,
  copy,
  elementCount,
  layerNorm,
  layerNormGrad,
  layerNormWeightGrad,
  matmul,
  opTable,
  rmsNorm,
  rmsNormGrad,
  rmsNormWeightGrad,
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
import { listDispatches } from "../listDispatches.ts";
import { movedBytes } from "../movedBytes.ts";
import { createBackend } from "../node.ts";
import { resultsOf } from "../testing/boundTensors.ts";
import { expectAccepted } from "../testing/expectAccepted.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";

const apart = (a: number, b: number): boolean => a === b;
const units: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };

type Norm = "rmsNorm" | "layerNorm";
interface Options {
  readonly rows?: number;
  readonly width?: number;
  /** Groups of `width` a row. */
  readonly groups?: number;
  /** Adds the gradient by x to a stream. */
  readonly stream?: boolean;
  /** A product reads a float16 copy of the gradient by x. */
  readonly copied?: boolean;
  /** The gradient by the weight is added to what is there. */
  readonly later?: boolean;
  /** Reads or writes something between the two gradients. */
  readonly between?: (tape: Tape, values: { readonly dy: Value; readonly dWeight: Value }) => void;
  /** What is recorded: without one of both, nothing can be put together. */
  readonly only?: "by x" | "by weight";
}

/** Gradients of a norm by x and by its weight, as a backward pass records them. */
function gradients(norm: Norm, options: Options = {}): Program {
  const { rows = 5, width = 24, groups = 1, stream = false, copied = false, later = false, between, only } = options;
  const tape = new Tape("gradients");
  const shape = [rows, groups * width];
  const input = (name: string, ofShape: readonly number[]): Value => tape.input(name, ofShape, "f32");
  const [x, dy, weight] = [input("x", shape), input("dy", shape), input("weight", [width])];
  const dWeight = tape.external("dWeight", "gradient", [width]);
  const rms = { epsilon: 1e-5, weightOffset: 1 };
  const statistics =
    norm === "rmsNorm"
      ? tape.apply(rmsNorm, [x, weight], rms).slice(1)
      : tape.apply(layerNorm, [x, weight, input("bias", [width])], { epsilon: 1e-5 }).slice(1);
  if (only !== "by weight") {
    const read = [dy, x, weight, ...statistics];
    const residual = stream ? tape.add(x, x) : null;
    const [own] = norm === "rmsNorm" ? tape.apply(rmsNormGrad, read, rms) : tape.apply(layerNormGrad, read, {});
    const dx = residual ? tape.add(residual, own!) : own!;
    const product = { transposeA: false, transposeB: true, alpha: 1 };
    if (copied)
      tape.apply(matmul, [tape.apply(cast, [dx], { dtype: "f16" })[0]!, input("A", [16, shape[1]!])], product, [
        tape.output("y", [rows, 16]),
      ]);
    tape.apply(copy, [dx], {}, [tape.output("dx", shape)]);
  }
  between?.(tape, { dy, dWeight });
  if (only !== "by x") {
    const read = [dy, x, ...statistics, ...(later && norm === "rmsNorm" ? [dWeight] : [])];
    if (norm === "rmsNorm") tape.apply(rmsNormWeightGrad, read, { width }, [dWeight]);
    else tape.apply(layerNormWeightGrad, read, { width }, [dWeight, tape.external("dBias", "gradient", [width])]);
  }
  return tape.finish();
}

const opsOf = ({ instructions }: Program): readonly string[] => instructions.map(({ op }) => op);

describe("fuseNormGradients", () => {
  it("makes one instruction of both gradients, and a sum of what it leaves of the second", () => {
    expect(describeProgram(fuseNormGradients(gradients("rmsNorm", { later: true }), defaultLimits, apart))).toMatchInlineSnapshot(`
      "%0, %1 = rmsNorm(x, weight)
      %2, %3 = normGradients(dy, x, weight, %1)
      dWeight = sumBlocks(%3, dWeight)
      dx = copy(%2)"
    `);
    expect(describeProgram(fuseNormGradients(gradients("layerNorm"), defaultLimits, apart))).toMatchInlineSnapshot(`
      "%0, %1, %2 = layerNorm(x, weight, bias)
      %3, %4 = normGradients(dy, x, weight, %1, %2)
      dWeight, dBias = sumBlocks(%4)
      dx = copy(%3)"
    `);
  });

  it("keeps the stream that is added and the copy in float16", () => {
    const { program, dispatches } = listDispatches(gradients("rmsNorm", { stream: true, copied: true }), opTable, units);
    expect(opsOf(program)).toEqual(["rmsNorm", "add", "normGradients", "sumBlocks", "matmul", "copy"]);
    const { kernel } = dispatches.find((one) => one.kernel.label === "rmsNormGradients")!;
    expect(kernel.bindings.filter(({ writes }) => writes).map(({ name }) => name)).toEqual(["dx", "half", "sums"]);
  });

  it.each<Options>([{ only: "by x" }, { only: "by weight" }])("leaves a gradient %o", (options) => {
    for (const norm of ["rmsNorm", "layerNorm"] as const) {
      const program = gradients(norm, options);
      expect(fuseNormGradients(program, defaultLimits, apart)).toBe(program);
    }
  });

  const write = (tape: Tape, value: Value): void => void tape.apply(copy, [tape.input("other", value.shape, "f32")], {}, [value]);
  it.each<readonly [string, Options["between"]]>([
    ["writes dy", (tape, { dy }) => write(tape, dy)],
    ["writes the gradient by the weight", (tape, { dWeight }) => write(tape, dWeight)],
    ["reads the gradient by the weight", (tape, { dWeight }) => void tape.copy(dWeight, tape.output("seen", dWeight.shape))],
  ])("leaves a program that in between %s", (_, between) => {
    const program = gradients("rmsNorm", { between: between! });
    expect(fuseNormGradients(program, defaultLimits, apart)).toBe(program);
  });

  it("leaves a program that in between touches memory of the gradient by the weight under another name", () => {
    const program = gradients("rmsNorm");
    const named = (name: string): number => program.tensors.findIndex((tensor) => tensor.name === name);
    const pair = [named("dx"), named("dWeight")];
    expect(fuseNormGradients(program, defaultLimits, (a, b) => a === b || (pair.includes(a) && pair.includes(b)))).toBe(program);
  });

  it("leaves rows that a workgroup cannot keep in registers", () => {
    for (const width of [8196, 8193]) {
      const wide = gradients("rmsNorm", { rows: 1, width });
      expect(fuseNormGradients(wide, defaultLimits, apart)).toBe(wide);
    }
    const widest = gradients("rmsNorm", { rows: 1, width: 8192 });
    expect(fuseNormGradients(widest, defaultLimits, apart)).not.toBe(widest);
  });

  it("leaves what one launch cannot bind: more bytes, or more buffers than every device has", () => {
    const wide = gradients("rmsNorm", { rows: 64, width: 64 });
    expect(fuseNormGradients(wide, { ...defaultLimits, maxBindingBytes: 64 * 64 * 4 - 1 }, apart)).toBe(wide);
    expect(fuseNormGradients(wide, { ...defaultLimits, maxBindingBytes: 64 * 64 * 4 }, apart)).not.toBe(wide);
    const half: KernelLimits = { ...defaultLimits, halfStorage: true };
    const options = { stream: true, copied: true };
    expect(opsOf(listDispatches(gradients("rmsNorm", options), opTable, half).program)).toContain("normGradients");
    expect(opsOf(listDispatches(gradients("layerNorm", options), opTable, half).program)).not.toContain("normGradients");
    expect(opsOf(listDispatches(gradients("layerNorm", options), opTable, units).program)).toContain("normGradients");
  });

  it("moves x and dy once for both", () => {
    const list = listDispatches(gradients("rmsNorm", { rows: 1024, width: 256 }), opTable, defaultLimits);
    const at = list.dispatches.findIndex(({ kernel }) => kernel.label === "rmsNormGradients");
    // dy, x and dx; 128 blocks of 8 rows; the weight and 1 / deviation.
    const expected = 4 * (3 * 1024 * 256 + 128 * 256 + 256 + 1024);
    expect(movedBytes(list, (tensor) => tensor)[at]).toBe(expected);
    expect(list.dispatches[at]!.workgroups).toEqual([128, 1, 1]);
  });
});

it("writes WGSL that Dawn accepts on matrix units", async () => {
  const kernels = [5, 30, 64, 576, 2048, 4096].flatMap((width) =>
    (["rmsNorm", "layerNorm"] as const).flatMap((norm) =>
      listDispatches(gradients(norm, { width, stream: true, copied: width % 4 === 0 }), opTable, units).dispatches.map(
        ({ kernel }) => kernel,
      ),
    ),
  );
  expect(new Set(kernels.filter(({ label }) => label.endsWith("NormGradients"))).size).toBe(12);
  await expectAccepted(kernels);
});

/** Deterministic values of every bound tensor. */
function fill({ name, shape }: TensorSpec): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(name.length + 1.7 * i + 0.3 * Math.sqrt(i)));
}

describeOnGpu("a norm's gradients together", () => {
  const shapes: readonly Options[] = [
    { rows: 1, width: 24, stream: true },
    { rows: 3, width: 7, later: true },
    { rows: 70, width: 5, later: true },
    { rows: 37, width: 30, stream: true, later: true },
    { rows: 9, width: 64, groups: 5 },
    { rows: 37, width: 576, stream: true, later: true },
    { rows: 21, width: 1030 },
    { rows: 19, width: 2048, stream: true },
    { rows: 17, width: 4096, later: true },
  ];
  it.each((["rmsNorm", "layerNorm"] as const).flatMap((norm) => shapes.map((shape) => [norm, shape] as const)))(
    "%s of %o have the values of float64, as they have apart",
    async (norm, shape) => {
      const [gpu, reference] = await Promise.all([createBackend(testDeviceOptions), createCpuBackend({ precision: "float64" })]);
      const program = gradients(norm, shape);
      expect(opsOf(listDispatches(program, opTable, defaultLimits).program)).toContain("normGradients");
      const [actual, again, exact] = [
        await resultsOf(gpu, program, fill),
        await resultsOf(gpu, program, fill),
        await resultsOf(reference, program, fill),
      ];
      const alone = new Map<string, Float32Array>();
      for (const only of ["by x", "by weight"] as const) {
        for (const [name, values] of await resultsOf(gpu, gradients(norm, { ...shape, only }), fill)) {
          const mine = only === "by x" ? name === "dx" : name !== "dx";
          if (mine) alone.set(name, values as Float32Array);
        }
      }
      const groups = shape.rows! * (shape.groups ?? 1);
      const tolerances: Record<string, number> = {
        // Two means over the width and a handful of operations on each element.
        dx: (8 * Math.sqrt(shape.width!) + 32) * 2 ** -24,
        // Sums over the rows of products of normalised elements.
        dWeight: (4 * Math.sqrt(groups) + 4 * Math.sqrt(shape.width!) + 32) * 2 ** -24,
        dBias: (4 * Math.sqrt(groups) + 32) * 2 ** -24,
      };
      expect([...alone.keys()].sort()).toEqual(norm === "rmsNorm" ? ["dWeight", "dx"] : ["dBias", "dWeight", "dx"]);
      for (const [name, values] of alone) {
        expect(actual.get(name), name).toEqual(again.get(name));
        expect(relativeL2(actual.get(name)!, exact.get(name)!), name).toBeLessThan(tolerances[name]!);
        expect(relativeL2(actual.get(name)!, values), name).toBeLessThan(2 * tolerances[name]!);
      }
      await Promise.all([gpu.dispose(), reference.dispose()]);
    },
  );
});
