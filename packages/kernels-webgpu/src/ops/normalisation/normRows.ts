import { bytesPerElement, elementCount } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import type { Operand, OperandRange } from "../../operand.ts";
import { rowRanges, type RowRange } from "../../rowRanges.ts";
import { rowReduction } from "../../wgsl/reduction.ts";

/** Threads of a workgroup that normalises. */
const THREADS = 256;
/** Pieces of a row that a thread keeps in registers between the pass that sums and the pass that writes. */
const MOST_KEPT = 8;
/** Threads that share a row at least, where it has as many pieces: they read it in whole cache lines. */
const FEWEST = 32;

/** How the threads of a workgroup share out rows of a given width. */
export interface NormRows {
  /** Elements of a piece, which is what a thread reads at once. */
  readonly piece: 1 | 4;
  /** Pieces of a row, threads that share one, and pieces of each of these at most. */
  readonly pieces: number;
  readonly lanes: number;
  readonly kept: number;
  /** WGSL type of a piece in registers. */
  readonly wide: "f32" | "vec4f";
  readonly workgroupSize: readonly [x: number, y: number];
  /** WGSL function `rowSum(value, lane)`. */
  readonly declarations: string;
  readonly enable: readonly string[];
  /** Part of a kernel's key. */
  readonly key: string;
  /**
   * WGSL that starts a kernel over `p.count` rows: gives `row`, `exists`, `first` (the row's first piece) and `start` (the
   * thread's first piece in it). Threads past the last row stand at the last row's data and take part in sums.
   */
  readonly prologue: string;
  /** WGSL that does something for each of the thread's pieces: `code` gets its number and WGSL for its place in the row. */
  readonly forEach: (code: (piece: number, column: string) => string) => string;
  /** WGSL declaring one register a piece, zero where the row has no such piece; `value` reads `at`, an index of the operand, or `column`, or registers by the piece's number. */
  readonly load: (name: string, value: (at: string, column: string, piece: number) => string) => string;
  readonly grid: (emitter: Emitter, count: number) => readonly [x: number, y: number];
}

/**
 * Shares out rows of `width` elements. With `subgroups` of 32 sums go through registers, else through workgroup memory. `mostKept` are
 * the pieces that a thread keeps, where the workgroup has threads enough.
 */
export function normRows(width: number, subgroups: boolean, mostKept: number = MOST_KEPT): NormRows {
  const piece = width % 4 === 0 ? 4 : 1;
  const pieces = width / piece;
  let lanes = 1;
  while (lanes < THREADS && (lanes < Math.min(FEWEST, pieces) || lanes * mostKept < pieces)) lanes *= 2;
  const kept = Math.ceil(pieces / lanes);
  const whole = pieces % lanes === 0;
  const place = (index: number): string => `(start + ${index * lanes}u)`;
  const numbers = Array.from({ length: kept }, (_, index) => index);
  const wide = piece === 4 ? "vec4f" : "f32";
  return {
    piece,
    pieces,
    lanes,
    kept,
    wide,
    workgroupSize: [THREADS, 1],
    declarations: rowReduction(THREADS, lanes, subgroups),
    enable: subgroups ? ["subgroups"] : [],
    key: `${width}|${lanes}|${subgroups}`,
    prologue: `
  let row = (${linearGroup}) * ${THREADS / lanes}u + lane / ${lanes}u;
  let exists = row < p.count;
  let first = min(row, p.count - 1u) * ${pieces}u;
  let start = lane % ${lanes}u;`,
    forEach: (code) =>
      numbers
        .map((index) => {
          const statement = code(index, place(index));
          return whole || index < kept - 1 ? statement : `  if (${place(index)} < ${pieces}u) {\n${statement}\n  }`;
        })
        .join("\n"),
    load: (name, value) =>
      numbers
        .map((index) => {
          const read = value(`first + ${place(index)}`, place(index), index);
          if (whole || index < kept - 1) return `  let ${name}${index} = ${read};`;
          return `  var ${name}${index} = ${wide}();\n  if (${place(index)} < ${pieces}u) { ${name}${index} = ${read}; }`;
        })
        .join("\n"),
    grid: (emitter, count) => linearGrid(Math.ceil(count / (THREADS / lanes)), emitter.limits),
  };
}

/** WGSL: the sum of a piece's elements. */
export function pieceSum({ piece }: NormRows, value: string): string {
  return piece === 4 ? `dot(${value}, vec4f(1.0))` : value;
}

/** Ranges of normalised rows: each is `width` elements of the operands of x's shape and one of every statistic. */
export function normRanges(emitter: Emitter, op: string, operands: readonly Operand[], width: number): readonly RowRange[] {
  const sizes = operands.map(({ dtype }) => width * bytesPerElement(dtype));
  return rowRanges(op, elementCount(operands[0]!.shape) / width, [...sizes, 4], emitter.limits.maxBindingBytes);
}

/** The part of an operand that belongs to a range of rows, `width` elements each. */
export function normRowsOf(operand: Operand, width: number, { start, count }: RowRange): OperandRange {
  return { operand, start: start * width, length: count * width };
}
