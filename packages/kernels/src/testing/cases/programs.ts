import { activation, gatedActivation } from "../../ops/activation.ts";
import { attention } from "../../ops/attention.ts";
import { linearCrossEntropy } from "../../ops/crossEntropy.ts";
import { add, multiply, scale } from "../../ops/elementwise.ts";
import { embedding } from "../../ops/embedding.ts";
import { matmul } from "../../ops/matmul.ts";
import { rmsNorm } from "../../ops/normalisation.ts";
import { rope } from "../../ops/rope.ts";
import type { Tape, Value } from "../../tape.ts";
import { constants, floats, integers, trained, type ConformanceCase } from "../conformanceCase.ts";
import { ofProducts, summed, withFloor, type Tolerance } from "../tolerance.ts";
import { orderByIds } from "./embedding.ts";

const linear = (tape: Tape, x: Value, weight: Value, alpha = 1, addend?: Value): Value =>
  tape.apply(matmul, addend ? [x, weight, addend] : [x, weight], { transposeA: false, transposeB: true, alpha })[0]!;

/** Several ops after one another: the roundings of each reach the end. */
const chained = (ops: number, terms: number): Tolerance =>
  ofProducts(
    withFloor(summed(terms * ops, 32 * ops, "the roundings of every op of the chain, each a sum of this many terms at most"), 0.01),
    2 * ops,
  );

/** Elementwise ops whose inputs die: a memory plan lets their outputs take over the inputs' storage. */
const sharedStorage: ConformanceCase = {
  name: "program: activations that take over each other's storage",
  tensors: [trained("x", [17, 65]), trained("w", [17, 65])],
  record(tape, [x, w], output) {
    const doubled = tape.apply(scale, [x!], { factor: 2 })[0]!;
    const gated = tape.apply(gatedActivation, [doubled, w!], { kind: "silu" })[0]!;
    const summedUp = tape.apply(add, [gated, doubled], {})[0]!;
    const squared = tape.apply(multiply, [summedUp, summedUp], {})[0]!;
    const bent = tape.apply(activation, [squared], { kind: "geluTanh" })[0]!;
    return [tape.apply(add, [bent, summedUp], {}, [output("y", [17, 65])])[0]!];
  },
  outputs: [chained(6, 1)],
  gradients: { tolerance: chained(12, 1), seeded: [0] },
};

/** One value read four times: its gradient is a chain of addends, through a matmul's, an add's and a product's. */
const manyReaders: ConformanceCase = {
  name: "program: a value with four readers",
  tensors: [trained("x", [5, 17]), trained("a", [17, 17]), trained("b", [17, 17])],
  record(tape, [x, a, b], output) {
    const h = linear(tape, x!, a!);
    const left = linear(tape, h, b!);
    const right = tape.apply(multiply, [h, left], {})[0]!;
    const residual = linear(tape, right, a!, 0.5, h);
    return [tape.apply(add, [residual, h], {}, [output("y", [5, 17])])[0]!];
  },
  outputs: [chained(5, 17)],
  gradients: { tolerance: chained(10, 17), seeded: [0] },
};

/** Two micro batches in one program add to the same parameter gradients. */
const microBatches: ConformanceCase = {
  name: "program: two micro batches accumulate into one gradient",
  tensors: [floats("first", [5, 17]), floats("second", [3, 17]), trained("weight", [9, 17]), trained("norm", [9])],
  record(tape, [first, second, weight, norm], output) {
    return [first!, second!].map(
      (x, index) =>
        tape.apply(rmsNorm, [linear(tape, x, weight!), norm!], { epsilon: 1e-5, weightOffset: 0 }, [
          output(`y${index}`, [x.shape[0]!, 9]),
        ])[0]!,
    );
  },
  outputs: [chained(2, 17), chained(2, 17)],
  gradients: { tolerance: chained(6, 17), seeded: [0, 1] },
};

const ids = [4, 0, 4, 16, 2, 4, 0];

/** Embedding and head share one table: its gradient has a scattered part and a dense one. */
const tiedWeights: ConformanceCase = {
  name: "program: an embedding tied to the head",
  tensors: [
    trained("table", [17, 12]),
    trained("inner", [12, 12]),
    integers("ids", ids),
    integers("order", orderByIds(ids)),
    integers("rows", [0, 2, 6, -1]),
    integers("targets", [1, 16, 3, 0]),
    constants("weights", [4], [0.5, 1, 0.25, 1]),
  ],
  record(tape, [table, inner, idsValue, order, rows, targets, weights], output) {
    const h = tape.apply(embedding, [table!, idsValue!, order!], {})[0]!;
    const x = linear(tape, h, inner!);
    return [
      tape.apply(linearCrossEntropy, [x, table!, rows!, targets!, weights!], { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 }, [
        output("loss", [1]),
      ])[0]!,
    ];
  },
  outputs: [chained(3, 17)],
  gradients: { tolerance: chained(8, 17), seeded: [0] },
};

const TOKENS = 9;
const HALF = 4;
const angle = (index: number): number => Math.floor(index / HALF) * 100 ** (-(index % HALF) / HALF);
const table = (f: (angle: number) => number): number[] => Array.from({ length: TOKENS * HALF }, (_, index) => f(angle(index)));

/** A Llama block of two sequences with grouped queries and LoRA on the query projection; base weights are frozen, adapters and norms train. */
const block: ConformanceCase = {
  name: "program: a transformer block with a low-rank adapter",
  tensors: [
    trained("x", [2 * TOKENS, 16]),
    trained("norm1", [16]),
    trained("norm2", [16]),
    floats("wq", [16, 16], 0.5),
    floats("wk", [8, 16], 0.5),
    floats("wv", [8, 16], 0.5),
    floats("wo", [16, 16], 0.5),
    trained("loraA", [3, 16]),
    trained("loraB", [16, 3]),
    floats("gate", [24, 16], 0.5),
    floats("up", [24, 16], 0.5),
    floats("down", [16, 24], 0.5),
    integers(
      "positions",
      Array.from({ length: 2 * TOKENS }, (_, row) => row % TOKENS),
    ),
    integers("segments", [1, 1, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0]),
    constants("cos", [TOKENS, HALF], table(Math.cos)),
    constants("sin", [TOKENS, HALF], table(Math.sin)),
  ],
  record(tape, values, output) {
    const [x, norm1, norm2, wq, wk, wv, wo, loraA, loraB, gate, up, down, positions, segments, cos, sin] = values as readonly Value[] as [
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
    ];
    const normed = (value: Value, weight: Value): Value => tape.apply(rmsNorm, [value, weight], { epsilon: 1e-5, weightOffset: 0 })[0]!;
    const rotated = (value: Value): Value =>
      tape.apply(rope, [value, positions, cos, sin], { headDim: 8, rotaryDim: 8, inverse: false })[0]!;
    const h = normed(x, norm1);
    const q = linear(tape, linear(tape, h, loraA), loraB, 2, linear(tape, h, wq));
    const attributes = { batch: 2, queryHeads: 2, keyValueHeads: 1, headDim: 8, scale: 1 / Math.sqrt(8), window: 0, softcap: 0 };
    const mixed = tape.apply(attention, [rotated(q), rotated(linear(tape, h, wk)), linear(tape, h, wv), segments], attributes)[0]!;
    const residual = linear(tape, mixed, wo, 1, x);
    const h2 = normed(residual, norm2);
    const activated = tape.apply(gatedActivation, [linear(tape, h2, gate), linear(tape, h2, up)], { kind: "silu" })[0]!;
    return [tape.apply(matmul, [activated, down, residual], { transposeA: false, transposeB: true, alpha: 1 }, [output("y", x.shape)])[0]!];
  },
  outputs: [chained(12, 24)],
  gradients: { tolerance: chained(30, 24), seeded: [0] },
};

export const programCases: readonly ConformanceCase[] = [sharedStorage, manyReaders, microBatches, tiedWeights, block];
