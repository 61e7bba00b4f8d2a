import { linearCrossEntropy } from "../../ops/crossEntropy.ts";
import { constants, halves, integers, trained, type CaseData, type ConformanceCase } from "../conformanceCase.ts";
import { UNIT_ROUNDOFF, type Tolerance } from "../tolerance.ts";

interface Options {
  readonly tokens: number;
  readonly hidden: number;
  readonly vocabSize: number;
  /** Row of x for each loss row; -1 is padding. Distinct. */
  readonly rows: readonly number[];
  readonly weights: readonly number[];
  readonly softcap?: number;
  readonly labelSmoothing?: number;
  readonly zLoss?: number;
  readonly alpha?: number;
  /** The head is float16. */
  readonly half?: boolean;
}

/** Loss and row losses straight from the definition. */
function naiveCrossEntropy(
  { hidden, vocabSize, rows, softcap = 0, labelSmoothing = 0, zLoss = 0, alpha = 1 }: Options,
  data: CaseData,
): { readonly loss: number; readonly logSumExp: number[]; readonly rowLoss: number[] } {
  const [x, weight, targets, weights] = ["x", "weight", "targets", "weights"].map((name) => data.get(name)!) as [
    ArrayLike<number>,
    ArrayLike<number>,
    ArrayLike<number>,
    ArrayLike<number>,
  ];
  const logSumExp: number[] = [];
  const rowLoss = rows.map((row, index) => {
    if (row < 0) return 0;
    const logits = Array.from({ length: vocabSize }, (_, id) => {
      let dot = 0;
      for (let column = 0; column < hidden; column++) dot += x[row * hidden + column]! * weight[id * hidden + column]!;
      return softcap > 0 ? softcap * Math.tanh((alpha * dot) / softcap) : alpha * dot;
    });
    const largest = Math.max(...logits);
    logSumExp[index] = largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
    // Cross-entropy against a distribution, as PyTorch defines label smoothing.
    const wanted = (id: number): number => labelSmoothing / vocabSize + (id === targets[index] ? 1 - labelSmoothing : 0);
    const entropy = logits.reduce((sum, logit, id) => sum + wanted(id) * (logSumExp[index]! - logit), 0);
    return entropy + zLoss * logSumExp[index]! ** 2;
  });
  return { loss: rowLoss.reduce((sum, loss, index) => sum + (rows[index]! < 0 ? 0 : loss * weights[index]!), 0), logSumExp, rowLoss };
}

/** A logit of test data has a standard deviation of 0.37 sqrt(H) and the roundings of a dot product over H; exp turns them into relative errors. */
function tolerances({ hidden, vocabSize, rows, softcap = 0, labelSmoothing = 0, zLoss = 0 }: Options): {
  readonly output: Tolerance;
  readonly gradient: Tolerance;
} {
  const logit = Math.max(1, 0.37 * Math.sqrt(hidden));
  const units =
    4 * Math.sqrt(hidden) * logit + 4 * Math.sqrt(vocabSize) + 32 + (softcap > 0 ? 32 : 0) + (labelSmoothing + zLoss > 0 ? 16 : 0);
  const productOperands = 2 * logit;
  const reason = "dot products over H, exponentials of them, a sum over V";
  return {
    // A row loss can be the small rest of a logit and a logSumExp of its size.
    output: { relativeL2: units * UNIT_ROUNDOFF, floor: rows.every((row) => row < 0) ? 0 : 0.1, reason, productOperands },
    gradient: {
      relativeL2: (2 * units + 4 * Math.sqrt(rows.length)) * UNIT_ROUNDOFF,
      floor: 0,
      reason: `${reason}, then products over V and over the rows`,
      productOperands: 2 * productOperands + 2,
    },
  };
}

function crossEntropyCase(name: string, options: Options): ConformanceCase {
  const { tokens, hidden, vocabSize, rows, weights, softcap = 0, labelSmoothing = 0, zLoss = 0, alpha = 1, half = false } = options;
  const { output: tolerance, gradient } = tolerances(options);
  // What logSumExp holds for a padding row is nobody's business.
  const padded = rows.some((row) => row < 0);
  return {
    name: `linearCrossEntropy: ${name}: ${rows.length} of ${tokens} rows, ${hidden} -> ${vocabSize}${softcap ? `, soft cap ${softcap}` : ""}${labelSmoothing ? `, smoothing ${labelSmoothing}` : ""}${zLoss ? `, z-loss ${zLoss}` : ""}${alpha === 1 ? "" : `, alpha ${alpha}`}${half ? ", float16 head" : ""}`,
    tensors: [
      trained("x", [tokens, hidden]),
      half ? { ...halves("weight", [vocabSize, hidden]), trainable: true } : trained("weight", [vocabSize, hidden]),
      integers("rows", rows),
      integers("targets", { length: rows.length, from: 0, to: vocabSize }),
      constants("weights", [rows.length], weights),
    ],
    record(tape, inputs, output) {
      const [loss, logSumExp, rowLoss] = tape.apply(linearCrossEntropy, inputs, { alpha, softcap, labelSmoothing, zLoss }, [
        output("loss", [1]),
        padded ? undefined : tape.output("logSumExp", [rows.length]),
        tape.output("rowLoss", [rows.length]),
      ]);
      return padded ? [loss!, rowLoss!] : [loss!, rowLoss!, logSumExp!];
    },
    outputs: padded ? [tolerance, tolerance] : [tolerance, tolerance, tolerance],
    gradients: { tolerance: gradient, seeded: [0] },
    oracle(data) {
      const { loss, rowLoss, logSumExp } = naiveCrossEntropy(options, data);
      return padded ? [[loss], rowLoss] : [[loss], rowLoss, logSumExp];
    },
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const ones = (count: number): number[] => Array.from({ length: count }, () => 1);
const fractions = (count: number): number[] => upTo(count).map((index) => [0.5, 0, 1.25, 0.1][index % 4]!);

export const crossEntropyCases: readonly ConformanceCase[] = [
  crossEntropyCase("one row", { tokens: 1, hidden: 17, vocabSize: 65, rows: [0], weights: [1] }),
  crossEntropyCase("two classes, one column", { tokens: 3, hidden: 1, vocabSize: 2, rows: [2], weights: [0.5] }),
  crossEntropyCase("every row", { tokens: 17, hidden: 65, vocabSize: 67, rows: upTo(17), weights: ones(17) }),
  crossEntropyCase("chosen rows out of order", { tokens: 17, hidden: 16, vocabSize: 131, rows: [16, 3, 0, 9, 4], weights: fractions(5) }),
  crossEntropyCase("padding between and after", {
    tokens: 17,
    hidden: 33,
    vocabSize: 65,
    rows: [1, -1, 5, 16, -1, -1],
    weights: [1, 3, 0.25, 2, 1, 1],
  }),
  crossEntropyCase("all padding", { tokens: 3, hidden: 17, vocabSize: 65, rows: [-1, -1, -1], weights: ones(3) }),
  crossEntropyCase("all weights 0", { tokens: 3, hidden: 17, vocabSize: 65, rows: [0, 1, 2], weights: [0, 0, 0] }),
  crossEntropyCase("soft cap", { tokens: 5, hidden: 65, vocabSize: 67, rows: [0, 2, 4], weights: [1, 0.5, 2], softcap: 3 }),
  crossEntropyCase("soft cap and padding", { tokens: 5, hidden: 8, vocabSize: 17, rows: [4, -1, 1], weights: [1, 1, 1], softcap: 1 }),
  crossEntropyCase("label smoothing", {
    tokens: 9,
    hidden: 33,
    vocabSize: 67,
    rows: [8, -1, 2, 5],
    weights: [1, 2, 0.5, 0],
    labelSmoothing: 0.1,
  }),
  crossEntropyCase("z-loss", { tokens: 9, hidden: 16, vocabSize: 65, rows: [8, 1, -1], weights: [1, 1, 0.5], zLoss: 0.25 }),
  crossEntropyCase("every term", {
    tokens: 70,
    hidden: 8,
    vocabSize: 301,
    rows: upTo(67),
    weights: fractions(67),
    labelSmoothing: 0.2,
    zLoss: 0.01,
  }),
  crossEntropyCase("every term and a soft cap", {
    tokens: 5,
    hidden: 17,
    vocabSize: 17,
    rows: [4, 1],
    weights: [1, 3],
    softcap: 2,
    labelSmoothing: 0.5,
    zLoss: 0.1,
  }),
  crossEntropyCase("a factor of the logits", {
    tokens: 9,
    hidden: 33,
    vocabSize: 67,
    rows: [8, -1, 2, 5],
    weights: [1, 2, 0.5, 0],
    softcap: 2,
    zLoss: 0.1,
    alpha: 0.5,
  }),
  crossEntropyCase("odd widths", { tokens: 9, hidden: 33, vocabSize: 67, rows: [8, -1, 2, 5], weights: fractions(4), half: true }),
  crossEntropyCase("every term", {
    tokens: 70,
    hidden: 64,
    vocabSize: 320,
    rows: upTo(64),
    weights: fractions(64),
    labelSmoothing: 0.2,
    zLoss: 0.01,
    alpha: 0.25,
    half: true,
  }),
  crossEntropyCase("a wide vocabulary", { tokens: 9, hidden: 16, vocabSize: 1003, rows: [8, 1, 2], weights: [1, 1, 0.5] }),
  crossEntropyCase("more classes than a GPU's grid is wide", { tokens: 2, hidden: 3, vocabSize: 65_601, rows: [1], weights: [0.5] }),
  crossEntropyCase("more rows than a tile", { tokens: 70, hidden: 8, vocabSize: 129, rows: upTo(67), weights: fractions(67) }),
];
