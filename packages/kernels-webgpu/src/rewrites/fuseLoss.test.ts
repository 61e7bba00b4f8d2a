import {
  backward,
  copy,
  elementCount,
  linearCrossEntropy,
  linearCrossEntropyGrad,
  linearCrossEntropyWeightGrad,
  matmul,
  opTable,
  scale,
  Tape,
  type HostArray,
  type LinearCrossEntropyAttributes,
  type Program,
  type TensorSpec,
  type Value,
} from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { describeProgram, relativeL2 } from "@sft/kernels/testing";
import { describe, expect, it } from "vitest";
import { defaultLimits } from "../dispatch.ts";
import { fuseLoss } from "./fuseLoss.ts";
import { listDispatches } from "../listDispatches.ts";
import { createBackend } from "../node.ts";
import { resultsOf } from "../testing/boundTensors.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";

const apart = (a: number, b: number): boolean => a === b;

interface Step {
  readonly tokens?: number;
  readonly hidden?: number;
  readonly vocabulary?: number;
  readonly supervised?: number;
  readonly attributes?: Partial<LinearCrossEntropyAttributes>;
  /** Trains the head too. */
  readonly full?: boolean;
  /** The head is a frozen weight and a trained pair, so that its gradient is an activation. */
  readonly pair?: boolean;
  /** The head is read in float16. */
  readonly half?: boolean;
  /** A step's later micro batch: gradients are added to. */
  readonly later?: boolean;
  /** Records something after the loss and before its gradients. */
  readonly between?: (
    tape: Tape,
    values: { readonly loss: Value; readonly x: Value; readonly weight: Value; readonly dWeight: Value },
  ) => void;
}

const none: LinearCrossEntropyAttributes = { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 };

/** Loss and backward pass of y = 2 embedding, as a step records them: x is an activation, and its gradient goes on. */
function step(options: Step = {}): Program {
  const {
    tokens = 20,
    hidden = 16,
    vocabulary = 24,
    supervised = 7,
    attributes,
    full = true,
    pair = false,
    half = false,
    later = false,
    between,
  } = options;
  const tape = new Tape("step");
  const whole = tape.parameter("weight", [vocabulary, hidden], full && !pair, half ? "f16" : "f32");
  const trained = (name: string, shape: readonly number[]): Value => tape.parameter(name, shape, true);
  const product = { transposeA: false, transposeB: false, alpha: 0.5 };
  const weight = pair ? tape.apply(matmul, [trained("b", [vocabulary, 4]), trained("a", [4, hidden]), whole], product)[0]! : whole;
  const x = tape.apply(scale, [tape.parameter("embedded", [tokens, hidden], true)], { factor: 2 })[0]!;
  const rows = tape.input("rows", [supervised]);
  const inputs = [x, weight, rows, tape.input("targets", [supervised]), tape.input("weights", [supervised], "f32")];
  const loss = tape.apply(linearCrossEntropy, inputs, { ...none, ...attributes })[0]!;
  const total = tape.external("total", "state", [1]);
  tape.copy(loss, total);
  const gradientOf = ({ name, shape }: Value): Value => tape.external(`gradient of ${name}`, "gradient", shape);
  between?.(tape, { loss, x, weight, dWeight: full ? gradientOf(weight) : total });
  backward(tape, loss, gradientOf, { overwrite: !later });
  return tape.finish();
}

const opsOf = ({ instructions }: Program): readonly string[] => instructions.map(({ op }) => op);

describe("fuseLoss", () => {
  it("makes one instruction of a loss and its gradients, with the constant that they start from before it", () => {
    expect(describeProgram(fuseLoss(step(), apart))).toMatchInlineSnapshot(`
      "%0 = scale(embedded)
      %1 = fill()
      %2, %3, %4, %5, gradient of weight = lossAndGradients(%0, weight, rows, targets, weights, %1)
      total = copy(%2)
      %6 = scale(%5)
      gradient of embedded = copy(%6)"
    `);
  });

  it("hands the addend of a later micro batch on, and leaves out what is not trained", () => {
    expect(describeProgram(fuseLoss(step({ later: true }), apart))).toContain(
      "lossAndGradients(%0, weight, rows, targets, weights, %1, gradient of weight)",
    );
    const adapters = fuseLoss(step({ full: false }), apart);
    expect(opsOf(adapters)).toEqual(["scale", "fill", "lossAndGradients", "copy", "scale", "copy"]);
  });

  it("takes a trained head in float16, of which matrix units need no copy", () => {
    const limits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };
    const shape = { tokens: 256, hidden: 128, vocabulary: 512, supervised: 128, later: true };
    const [whole, half] = [false, true].map((one) => listDispatches(step({ ...shape, half: one }), opTable, limits));
    for (const { program } of [whole!, half!]) expect(opsOf(program)).toEqual(opsOf(fuseLoss(step(shape), apart)));
    expect(whole!.dispatches.length - half!.dispatches.length).toBe(1);
    expect(whole!.plan.activationBytes - half!.plan.activationBytes).toBe(2 * 512 * 128);
  });

  it("takes a head that is computed", () => {
    expect(describeProgram(fuseLoss(step({ pair: true, later: true }), apart))).toContain(
      "%6, %7 = lossAndGradients(%1, %0, rows, targets, weights, %2)",
    );
  });

  it("leaves a loss without gradients", () => {
    const tape = new Tape("evaluation");
    const inputs = [tape.input("x", [4, 8], "f32"), tape.input("weight", [16, 8], "f32"), tape.input("rows", [2])];
    tape.apply(linearCrossEntropy, [...inputs, tape.input("targets", [2]), tape.input("weights", [2], "f32")], none, [
      tape.output("loss", [1]),
    ]);
    const program = tape.finish();
    expect(fuseLoss(program, apart)).toBe(program);
  });

  const change = (tape: Tape, value: Value): void => void tape.apply(copy, [tape.input("other", value.shape, "f32")], {}, [value]);
  it.each<readonly [string, Step["between"]]>([
    ["writes the hidden states", (tape, { x }) => change(tape, x)],
    ["writes the head", (tape, { weight }) => change(tape, weight)],
    ["writes the head's gradient", (tape, { dWeight }) => change(tape, dWeight)],
    ["reads the head's gradient", (tape, { dWeight }) => void tape.copy(dWeight, tape.output("seen", dWeight.shape))],
  ])("leaves a program that in between %s", (_, between) => {
    const program = step({ between: between! });
    expect(fuseLoss(program, apart)).toBe(program);
  });

  it("leaves a program whose loss lies in the memory of the head's gradient", () => {
    const program = step();
    const named = (name: string): number => program.tensors.findIndex((tensor) => tensor.name === name);
    const pair = [named("total"), named("gradient of weight")];
    expect(fuseLoss(program, (a, b) => a === b || (pair.includes(a) && pair.includes(b)))).toBe(program);
  });

  it("leaves a gradient that depends on the loss, and one with other attributes", () => {
    const scaled = (factor: boolean, zLoss: number): Program => {
      const tape = new Tape("scaled");
      const inputs = [tape.input("x", [4, 8], "f32"), tape.input("weight", [16, 8], "f32"), tape.input("rows", [2])];
      inputs.push(tape.input("targets", [2]), tape.input("weights", [2], "f32"));
      const [loss, logSumExp] = tape.apply(linearCrossEntropy, inputs, none);
      const dLoss = factor ? tape.apply(scale, [loss!], { factor: 2 })[0]! : tape.input("dLoss", [1], "f32");
      tape.apply(linearCrossEntropyGrad, [dLoss, ...inputs, logSumExp!], { ...none, zLoss }, [tape.output("dx", [4, 8])]);
      return tape.finish();
    };
    for (const program of [scaled(true, 0), scaled(false, 1)]) expect(fuseLoss(program, apart)).toBe(program);
    expect(opsOf(fuseLoss(scaled(false, 0), apart))).toEqual(["lossAndGradients"]);
  });

  it("takes longer chunks where the head is trained and their logits are little beside all that training holds", () => {
    const rowsOf = (options: Step): unknown =>
      fuseLoss(step(options), apart).instructions.find(({ op }) => op === "lossAndGradients")!.attributes["chunkRows"];
    // 4 tensors of vocabulary x hidden: 1024 rows of logits are a twentieth at hidden 5120, if the rest is not counted.
    expect(rowsOf({ vocabulary: 2000, hidden: 5120 })).toBe(1024);
    expect(rowsOf({ vocabulary: 2000, hidden: 5000 })).toBe(512);
    expect(rowsOf({ vocabulary: 2000, hidden: 5120, full: false })).toBe(512);
  });

  it("lets as many rows of gradients lie side by side as are little beside all that training holds", () => {
    const rowsOf = (options: Step): number =>
      fuseLoss(step(options), apart).instructions.find(({ op }) => op === "lossAndGradients")!.attributes["gradientRows"] as number;
    // 4 tensors of vocabulary x hidden: a sixteenth is 1280 rows of logits at hidden 5120, 256 more than a chunk, which are 512 of gradients.
    expect(rowsOf({ vocabulary: 2000, hidden: 5120 })).toBeGreaterThanOrEqual(512);
    // Embeddings of 20 tokens add a hundredth of that sixteenth.
    expect(rowsOf({ vocabulary: 2000, hidden: 5120 })).toBeLessThan(512 + 0.011 * 2560);
    expect(rowsOf({ vocabulary: 2000, hidden: 2000 })).toBe(0);
    expect(rowsOf({ vocabulary: 2000, hidden: 5 * 5120 })).toBe(4096);
    expect(rowsOf({ vocabulary: 2000, hidden: 5 * 5120, full: false })).toBe(0);
  });
});

/** Values of every bound tensor. */
const valuesOf =
  (vocabulary: number) =>
  ({ name, shape, dtype }: TensorSpec): HostArray => {
    const length = elementCount(shape);
    if (name === "rows") return Int32Array.from({ length }, (_, r) => (r % 5 === 3 ? -1 : length - 1 - r));
    if (dtype === "i32") return Int32Array.from({ length }, (_, r) => (r % 5 === 3 ? -100 : (r * 31) % vocabulary));
    return Float32Array.from({ length }, (_, i) => Math.sin(name.length + 1.7 * i + 0.3 * Math.sqrt(i)));
  };

interface Shape {
  readonly tokens: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly supervised: number;
  readonly attributes: Partial<LinearCrossEntropyAttributes>;
  readonly later: boolean;
  /** Elements of a bound tensor that nothing touches: with as much beside them, chunks are longer. */
  readonly ballast?: number;
}

/** The three ops in a program each, so that nothing can be put together. */
function separately({ tokens, hidden, vocabulary, supervised, attributes, later }: Shape): readonly Program[] {
  const record = (name: string, then: (tape: Tape, inputs: readonly Value[], logSumExp: Value, dLoss: Value) => void): Program => {
    const tape = new Tape(name);
    const inputs = [
      tape.input("x", [tokens, hidden], "f32"),
      tape.input("weight", [vocabulary, hidden], "f32"),
      tape.input("rows", [supervised]),
    ];
    inputs.push(tape.input("targets", [supervised]), tape.input("weights", [supervised], "f32"));
    then(tape, inputs, tape.external("logSumExp", "state", [supervised]), tape.input("dLoss", [1], "f32"));
    return tape.finish();
  };
  const settings = { ...none, ...attributes };
  return [
    record("loss", (tape, inputs, logSumExp) => {
      tape.apply(linearCrossEntropy, inputs, settings, [tape.output("loss", [1]), logSumExp, tape.output("rowLoss", [supervised])]);
    }),
    record("by hidden", (tape, inputs, logSumExp, dLoss) => {
      tape.apply(linearCrossEntropyGrad, [dLoss, ...inputs, logSumExp], settings, [tape.output("dx", [tokens, hidden])]);
    }),
    record("by weight", (tape, inputs, logSumExp, dLoss) => {
      const dWeight = tape.external("dWeight", "gradient", [vocabulary, hidden]);
      tape.apply(linearCrossEntropyWeightGrad, [dLoss, ...inputs, logSumExp, ...(later ? [dWeight] : [])], settings, [dWeight]);
    }),
  ];
}

/** All three in one program. */
function inOne(shape: Shape): Program {
  const tape = new Tape("all");
  const settings = { ...none, ...shape.attributes };
  const { tokens, hidden, vocabulary, supervised, ballast = 0 } = shape;
  tape.input("ballast", [ballast], "f32");
  const inputs = [
    tape.input("x", [tokens, hidden], "f32"),
    tape.input("weight", [vocabulary, hidden], "f32"),
    tape.input("rows", [supervised]),
  ];
  inputs.push(tape.input("targets", [supervised]), tape.input("weights", [supervised], "f32"));
  const logSumExp = tape.external("logSumExp", "state", [supervised]);
  tape.apply(linearCrossEntropy, inputs, settings, [tape.output("loss", [1]), logSumExp, tape.output("rowLoss", [supervised])]);
  const read = [tape.input("dLoss", [1], "f32"), ...inputs, logSumExp];
  tape.apply(linearCrossEntropyGrad, read, settings, [tape.output("dx", [tokens, hidden])]);
  const dWeight = tape.external("dWeight", "gradient", [vocabulary, hidden]);
  tape.apply(linearCrossEntropyWeightGrad, shape.later ? [...read, dWeight] : read, settings, [dWeight]);
  return tape.finish();
}

const shapes: readonly Shape[] = [
  { tokens: 9, hidden: 12, vocabulary: 40, supervised: 7, attributes: {}, later: false },
  { tokens: 9, hidden: 13, vocabulary: 37, supervised: 8, attributes: { softcap: 3, zLoss: 0.1, alpha: 0.5 }, later: true },
  { tokens: 520, hidden: 8, vocabulary: 20, supervised: 515, attributes: { labelSmoothing: 0.1 }, later: true },
  { tokens: 1030, hidden: 8, vocabulary: 17, supervised: 1025, attributes: { softcap: 2, labelSmoothing: 0.2, zLoss: 0.01 }, later: false },
  { tokens: 1030, hidden: 8, vocabulary: 17, supervised: 1025, attributes: { zLoss: 0.01 }, later: true, ballast: 400_000 },
  { tokens: 3, hidden: 8, vocabulary: 16, supervised: 0, attributes: {}, later: true },
];

describeOnGpu("a loss with its gradients", () => {
  it.each(shapes)(
    "of $supervised of $tokens rows, $hidden to $vocabulary, $attributes, later $later, ballast $ballast, has the bits of the separate ops",
    async (shape) => {
      const program = inOne(shape);
      expect(opsOf(listDispatches(program, opTable, defaultLimits).program)).toEqual(["lossAndGradients"]);
      const [gpu, reference] = await Promise.all([createBackend(testDeviceOptions), createCpuBackend({ precision: "float64" })]);
      const fill = valuesOf(shape.vocabulary);
      const actual = await resultsOf(gpu, program, fill);
      const exact = await resultsOf(reference, program, fill);
      const data = new Map<string, HostArray>();
      for (const one of separately(shape)) {
        const results = await resultsOf(gpu, one, (tensor) => data.get(tensor.name) ?? fill(tensor));
        data.set("logSumExp", results.get("logSumExp")!);
        for (const [name, values] of results) {
          // Where chunks are longer, sums over rows are other ones.
          if (/loss|rowLoss|logSumExp|dx/.test(name) || (name === "dWeight" && !shape.ballast))
            expect(actual.get(name), name).toEqual(values);
        }
      }
      for (const name of ["loss", "rowLoss", "dx", "dWeight"]) {
        // Dot products over up to 13 columns, sums over up to 40 classes and 1025 rows: 4 times the roots of them, and 32 for functions.
        const tolerance = (4 * Math.sqrt(13) + 4 * Math.sqrt(40) + 4 * Math.sqrt(1025) + 32) * 2 ** -24;
        expect(relativeL2(actual.get(name)!, exact.get(name)!), name).toBeLessThan(tolerance);
      }
      await Promise.all([gpu.dispose(), reference.dispose()]);
    },
  );
});

describeOnGpu("a step", () => {
  it.each([{ pair: true, later: true }, { full: false, later: true }, { later: false }])(
    "of %o has the values of float64",
    async (options) => {
      const program = step(options);
      expect(opsOf(listDispatches(program, opTable, defaultLimits).program)).toContain("lossAndGradients");
      const [gpu, reference] = await Promise.all([createBackend(testDeviceOptions), createCpuBackend({ precision: "float64" })]);
      const fill = valuesOf(24);
      const [actual, exact] = [await resultsOf(gpu, program, fill), await resultsOf(reference, program, fill)];
      const names = program.tensors.filter(({ role }) => role === "gradient" || role === "state").map(({ name }) => name);
      for (const name of names) {
        // Dot products over up to 24 elements, twice in a row with a head that is one, and 32 for functions.
        expect(relativeL2(actual.get(name)!, exact.get(name)!), name).toBeLessThan((8 * Math.sqrt(24) + 32) * 2 ** -24);
      }
      await Promise.all([gpu.dispose(), reference.dispose()]);
    },
  );
});
