import {
  attention,
  cast,
  copy,
  elementCount,
  gatedActivation,
  matmul,
  opTable,
  rmsNorm,
  rope,
  Tape,
  type Instruction,
  type Program,
  type TensorSpec,
  type Value,
} from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { groupAlike } from "./groupAlike.ts";
import { listDispatches } from "../listDispatches.ts";
import { adapterStep } from "../testing/adapterStep.ts";
import { resultsOf } from "../testing/boundTensors.ts";
import { expectAccepted } from "../testing/expectAccepted.ts";
import { membersOf } from "./sideBySide.ts";

const limits: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };
const [ROWS, WIDTH] = [80, 96];

/** A transformer's block with pairs on all of its linear layers. */
function transformerStep(): Program {
  return adapterStep({ rows: ROWS, width: WIDTH, vocabulary: 32, supervised: 8 }, ({ tape, apply, linear }, hidden) => {
    const angles = ["cos", "sin"].map((name) => tape.input(name, [ROWS, 4], "f32"));
    const turn = (x: Value): Value =>
      apply(rope, [x, tape.input("positions", [ROWS]), ...angles], { headDim: 8, rotaryDim: 8, inverse: false });
    const normed = apply(rmsNorm, [hidden, tape.parameter("norm", [WIDTH], false)], { epsilon: 1e-5, weightOffset: 0 });
    const query = turn(linear(normed, "q", 144));
    const key = turn(linear(normed, "k", 72));
    const attended = apply(attention, [query, key, linear(normed, "v", 72), tape.input("segments", [ROWS])], {
      batch: 1,
      queryHeads: 18,
      keyValueHeads: 9,
      headDim: 8,
      scale: 0.3,
      window: 0,
      softcap: 0,
    });
    const stream = linear(attended, "o", WIDTH, hidden);
    const gated = apply(gatedActivation, [linear(stream, "gate", 128), linear(stream, "up", 128)], { kind: "silu" });
    return linear(gated, "down", WIDTH, stream);
  });
}

/** Members of each group by the names of bound tensors that they read, rope by its op. */
function groupsOf({ instructions, tensors }: Program): readonly string[] {
  const nameOf = ({ op, inputs }: Instruction): string =>
    op === "rope" ? op : inputs.map((index) => tensors[index]!).flatMap(({ role, name }) => (role === "parameter" ? [name] : []))[0]!;
  return instructions
    .map((one) => membersOf(one).map((member) => nameOf({ ...one, ...member })))
    .filter(({ length }) => length > 1)
    .map((names) => names.join(" "));
}

it("brings together what shares a kernel and does not depend on each other", () => {
  expect(groupsOf(groupAlike(transformerStep(), limits))).toEqual([
    "q.A k.A v.A",
    "k v",
    "k.B v.B",
    "rope rope",
    "gate up",
    "gate.A up.A",
    "gate.B up.B",
    "up.B gate.B",
    "rope rope",
    "v.B k.B q.B",
  ]);
});

it("writes WGSL that Dawn accepts, for matrix units as well", async () => {
  const kernels = new Map(listDispatches(transformerStep(), opTable, limits).dispatches.map(({ kernel }) => [kernel.label, kernel]));
  const together = [...kernels.values()].filter(({ label }) => label.includes("side by side"));
  expect(together.map(({ label }) => label)).toEqual(
    expect.arrayContaining([
      "rope, 2 side by side",
      "matmul NT 64x16x128 on matrix units, f16 f32 to f16, 3 side by side",
      "matmul NN 64x16x128 on matrix units, f16 f32 to f16, 3 side by side",
    ]),
  );
  await expectAccepted(together);
});

it("computes the same bits", async () => {
  const program = transformerStep();
  const grouped = groupAlike(program, limits);
  const apart = {
    ...grouped,
    instructions: grouped.instructions.flatMap((one) => membersOf(one).map((member) => ({ ...one, ...member }))),
  };
  const [expected, actual] = await Promise.all(
    [program, apart].map(async (one) => resultsOf(await createCpuBackend({ precision: "float64" }), one, filled)),
  );
  expect(expected!.size).toBe(16);
  expect(actual).toEqual(expected);
  for (const values of expected!.values()) expect(values.some((value) => value !== 0 && Number.isFinite(value))).toBe(true);
});

function filled({ name, dtype, shape }: TensorSpec): Float32Array | Int32Array {
  const length = elementCount(shape);
  if (dtype === "i32") return Int32Array.from({ length }, (_, i) => (name === "segments" ? 1 : i % ROWS));
  return Float32Array.from({ length }, (_, i) => Math.sin(name.length + 1.3 * i * name.charCodeAt(0)));
}

/** A thin product of a thin product. */
function chain(): Program {
  const tape = new Tape("chain");
  const nt = { transposeA: false, transposeB: true, alpha: 1 };
  const first = tape.apply(matmul, [tape.input("x", [80, 32], "f32"), tape.parameter("A", [8, 32], true)], nt)[0]!;
  const second = tape.apply(matmul, [first, tape.parameter("B", [8, 8], true)], nt)[0]!;
  tape.apply(copy, [second], {}, [tape.output("y", [80, 8])]);
  return tape.finish();
}

/** Two thin products of one input, and what `between` records after the first. */
function twoThin(between: (tape: Tape, first: Value, weights: readonly Value[]) => Value | undefined): Program {
  const tape = new Tape("two");
  const x = tape.input("x", [64, 32], "f32");
  const weights = ["A", "B"].map((name) => tape.parameter(name, [8, 32], true));
  const thin = (input: Value, weight: Value): Value =>
    tape.apply(matmul, [input, weight], { transposeA: false, transposeB: true, alpha: 1 })[0]!;
  const first = thin(x, weights[0]!);
  const other = between(tape, first, weights) ?? x;
  tape.add(first, thin(other, weights[1]!), tape.output("sum", [64, 8]));
  return tape.finish();
}

it("makes float16 copies of up to five weights in one launch, and none of activations or across a new weight", () => {
  const tape = new Tape("copies");
  const weights = Array.from({ length: 6 }, (_, i) => tape.parameter(`w${i}`, [8, 8 + i], false));
  const read = (value: Value, name: string): void => {
    const half = tape.apply(cast, [value], { dtype: "f16" })[0]!;
    tape.apply(copy, [half], {}, [tape.output(name, value.shape, "f16")]);
  };
  weights.forEach((weight, i) => read(weight, `out${i}`));
  for (const i of [0, 1]) read(tape.add(weights[i]!, weights[i]!), `sum${i}`);
  expect(groupsOf(groupAlike(tape.finish(), limits))).toEqual(["w0 w1 w2 w3 w4"]);
  const changing = new Tape("changing");
  const [first, second] = ["w0", "w1"].map((name) => changing.parameter(name, [8, 8], false)) as [Value, Value];
  for (const weight of [first, second]) {
    changing.apply(copy, [changing.apply(cast, [weight], { dtype: "f16" })[0]!], {}, [
      changing.output(`${weight.name}.half`, [8, 8], "f16"),
    ]);
    if (weight === first) changing.apply(copy, [changing.input("new", [8, 8], "f32")], {}, [second]);
  }
  expect(groupsOf(groupAlike(changing.finish(), limits))).toEqual([]);
});

it("moves neither what another needs in between nor across what writes an operand", () => {
  const wider = (tape: Tape, value: Value): Value =>
    tape.apply(matmul, [value, tape.input("C", [8, 32], "f32")], { transposeA: false, transposeB: false, alpha: 1 })[0]!;
  expect(
    groupsOf(
      groupAlike(
        twoThin(() => undefined),
        limits,
      ),
    ),
  ).toEqual(["A B"]);
  // The second reads what comes of the first.
  expect(
    groupsOf(
      groupAlike(
        twoThin((tape, first) => wider(tape, first)),
        limits,
      ),
    ),
  ).toEqual([]);
  expect(groupsOf(groupAlike(chain(), limits))).toEqual([]);
  const rewrites = twoThin((tape, _, weights) => (tape.apply(copy, [tape.input("new", [8, 32], "f32")], {}, [weights[1]!]), undefined));
  expect(groupAlike(rewrites, limits)).toBe(rewrites);
  // Nothing is written that both read: the first waits for the second's input.
  expect(
    groupsOf(
      groupAlike(
        twoThin((tape) => wider(tape, tape.input("u", [64, 8], "f32"))),
        limits,
      ),
    ),
  ).toEqual(["A B"]);
  const alone = twoThin(() => undefined);
  expect(groupAlike(alone, { ...limits, matrixUnits: false })).toBe(alone);
});
