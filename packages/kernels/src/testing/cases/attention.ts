import { attention, type AttentionAttributes } from "../../ops/attention.ts";
import { integers, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { UNIT_ROUNDOFF, type Tolerance } from "../tolerance.ts";
import { naiveAttention } from "./naiveAttention.ts";

/** Lengths of the segments of each sequence in order; a negative length is padding. */
type Layout = readonly (readonly number[])[];

interface Options {
  readonly layout: Layout;
  readonly queryHeads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly window?: number;
  readonly softcap?: number;
  /** Usual size of a score; 1 by default. */
  readonly score?: number;
}

/**
 * A score is off by the roundings of a dot product over D, a probability by exp of that, an output by a sum over T of them.
 * The gradient goes through each once more, and takes differences: terms are about 1, the rest may be nothing (T = 1).
 */
export function attentionTolerance(
  tokens: number,
  headDim: number,
  score = 1,
  softcap = 0,
): { readonly output: Tolerance; readonly gradient: Tolerance } {
  const units = 4 * Math.sqrt(headDim) * Math.max(1, score) + 4 * Math.sqrt(tokens) + 32 + (softcap > 0 ? 32 : 0);
  // Two operands of scores, whose errors grow with the score, and two of the weighted sum; the gradient goes through each once more.
  const productOperands = 2 * Math.max(1, score) + 2;
  const reason = "dot products over D, an exponential of them, a sum over T";
  return {
    output: { relativeL2: units * UNIT_ROUNDOFF, floor: 0, reason, productOperands },
    gradient: {
      relativeL2: 3 * units * UNIT_ROUNDOFF,
      floor: 0.05,
      reason: `${reason}, forward and back`,
      productOperands: 3 * productOperands,
    },
  };
}

function segmentsOf(layout: Layout): number[] {
  return layout.flatMap((lengths) =>
    lengths.flatMap((length, index) => Array.from({ length: Math.abs(length) }, () => (length < 0 ? 0 : index + 1))),
  );
}

function attentionCase(
  name: string,
  { layout, queryHeads, keyValueHeads, headDim, window = 0, softcap = 0, score = 1 }: Options,
): ConformanceCase {
  const segments = segmentsOf(layout);
  const rows = segments.length;
  // q·k of test data has a standard deviation of 0.37 sqrt(D).
  const scale = score / (0.37 * Math.sqrt(headDim));
  const attributes: AttentionAttributes = { batch: layout.length, queryHeads, keyValueHeads, headDim, scale, window, softcap };
  const { output, gradient } = attentionTolerance(rows / layout.length, headDim, score, softcap);
  return opCase({
    name: `${name}: ${layout.length} x ${rows / layout.length} tokens, ${queryHeads}/${keyValueHeads} heads of ${headDim}${window ? `, window ${window}` : ""}${softcap ? `, soft cap ${softcap}` : ""}`,
    op: attention,
    attributes,
    inputs: [
      trained("q", [rows, queryHeads * headDim]),
      trained("k", [rows, keyValueHeads * headDim]),
      trained("v", [rows, keyValueHeads * headDim]),
      integers("segments", segments),
    ],
    outputs: [output, { ...output, floor: 1 }],
    gradients: gradient,
    oracle(data) {
      const tokens = rows / layout.length;
      return naiveAttention(data.get("q")!, data.get("k")!, data.get("v")!, attributes, {
        queries: tokens,
        keys: tokens,
        sees: (sequence, i, j) =>
          j <= i && segments[sequence * tokens + i] === segments[sequence * tokens + j] && (window === 0 || i - j < window),
      });
    },
  });
}

export const attentionCases: readonly ConformanceCase[] = [
  attentionCase("one token", { layout: [[1]], queryHeads: 1, keyValueHeads: 1, headDim: 8 }),
  attentionCase("one token a sequence", { layout: [[1], [1], [-1]], queryHeads: 2, keyValueHeads: 1, headDim: 16 }),
  attentionCase("plain", { layout: [[17]], queryHeads: 1, keyValueHeads: 1, headDim: 16 }),
  attentionCase("batch", { layout: [[3], [3], [3]], queryHeads: 2, keyValueHeads: 2, headDim: 8 }),
  attentionCase("grouped queries", { layout: [[17], [17]], queryHeads: 4, keyValueHeads: 2, headDim: 16 }),
  attentionCase("three queries a key", { layout: [[17], [17]], queryHeads: 6, keyValueHeads: 2, headDim: 8 }),
  attentionCase("packed segments", {
    layout: [
      [5, 1, 11],
      [3, 7, 7],
    ],
    queryHeads: 2,
    keyValueHeads: 1,
    headDim: 16,
  }),
  attentionCase("segments and padding", {
    layout: [
      [4, 9, -4],
      [13, -4],
    ],
    queryHeads: 3,
    keyValueHeads: 1,
    headDim: 8,
  }),
  attentionCase("all padding in a sequence", { layout: [[-17], [17]], queryHeads: 1, keyValueHeads: 1, headDim: 8 }),
  attentionCase("window", { layout: [[17]], queryHeads: 2, keyValueHeads: 2, headDim: 8, window: 5 }),
  attentionCase("window of one", { layout: [[17]], queryHeads: 1, keyValueHeads: 1, headDim: 8, window: 1 }),
  attentionCase("window and segments", { layout: [[2, 40, 23]], queryHeads: 2, keyValueHeads: 1, headDim: 8, window: 7 }),
  attentionCase("soft cap", { layout: [[17]], queryHeads: 2, keyValueHeads: 1, headDim: 16, softcap: 2, score: 2 }),
  attentionCase("soft cap, window, segments, padding", {
    layout: [
      [5, 9, -3],
      [16, -1],
    ],
    queryHeads: 4,
    keyValueHeads: 2,
    headDim: 8,
    window: 4,
    softcap: 1.5,
    score: 3,
  }),
  attentionCase("large scores", { layout: [[17]], queryHeads: 1, keyValueHeads: 1, headDim: 16, score: 20 }),
  attentionCase("many tokens", { layout: [[65], [60, -5]], queryHeads: 2, keyValueHeads: 1, headDim: 64 }),
  attentionCase("wide heads", { layout: [[17]], queryHeads: 2, keyValueHeads: 1, headDim: 80 }),
  attentionCase("wider heads", { layout: [[33]], queryHeads: 2, keyValueHeads: 2, headDim: 128 }),
  attentionCase("widest heads", { layout: [[3, 14]], queryHeads: 1, keyValueHeads: 1, headDim: 256 }),
  attentionCase("longer than two tiles", { layout: [[100, 30]], queryHeads: 1, keyValueHeads: 1, headDim: 16 }),
];
