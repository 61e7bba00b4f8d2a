import type { BlockShape } from "./blockShape.ts";
import { list } from "./blockText.ts";

/** Rows of one head that every subgroup multiplies with, staged a block at a time. */
export interface ColumnOperand {
  /** Binding, and whether it is float16. */
  readonly operand: string;
  readonly half: boolean;
  /** Workgroup variable of the block. */
  readonly tile: string;
  /** WGSL: elements of a row of the operand, and the head that is read. */
  readonly width: string;
  readonly head: string;
  /** WGSL factor of a float32 operand. */
  readonly factor?: string;
}

/**
 * The blocks of columns that all rows of a workgroup are multiplied with. While one block is used the next one is fetched into
 * registers, as it is in memory, and written to workgroup memory when the last reader is done.
 */
export interface ColumnTiles {
  /** WGSL workgroup variables. */
  readonly variables: string;
  /** WGSL registers of the next block. */
  readonly registers: string;
  /** WGSL that starts to fetch the block at `start`. Rows after the last token repeat it: what comes of them is masked. */
  fetch(start: string): string;
  /** WGSL that writes the fetched block, for all to see after the next barrier. */
  readonly write: string;
}

export function columnTiles(shape: BlockShape, operands: readonly ColumnOperand[]): ColumnTiles {
  const { columns, threads, operandPitch, headDim } = shape;
  const pieces = headDim / 8;
  const rounds = Math.ceil((columns * pieces) / threads);
  const every = (line: (operand: ColumnOperand, round: number, name: string) => string): string =>
    operands.map((operand, which) => list(rounds, (round) => line(operand, round, `${which}_${round}`))).join("\n");
  const isWhole = (round: number): boolean => (round + 1) * threads <= columns * pieces;
  const slotOf = (round: number): string =>
    isWhole(round) ? `lane + ${round * threads}u` : `min(lane + ${round * threads}u, ${columns * pieces - 1}u)`;
  return {
    variables: `
${operands.map(({ tile }) => `var<workgroup> ${tile}: array<vec4u, ${columns * operandPitch}>;`).join("\n")}
/** Segments of the block's columns, and whether all are the one segment of all rows. */
var<workgroup> columnSegments: array<vec4i, ${columns / 4}>;
var<workgroup> isOneSegment: u32;`,
    registers: `
${every(({ half }, _, name) => (half ? `  var next${name}: vec4u;` : `  var low${name}: vec4f;\n  var high${name}: vec4f;`))}
  var nextSegment = 0;`,
    fetch: (start) => `    {
      let start = ${start};
      nextSegment = segmentOf(sequence, start + lane % ${columns}u);
${every(
  ({ operand, half, width, head }, round, name) => `      {
        let slot = ${slotOf(round)};
        let token = min(start + slot / ${pieces}u, p.tokens - 1u);
        let at = ((sequence * p.tokens + token) * ${width} + ${head} * ${headDim}u) / 8u + slot % ${pieces}u;
        ${half ? `next${name} = ${operand}[at];` : `low${name} = ${operand}[2u * at];\n        high${name} = ${operand}[2u * at + 1u];`}
      }`,
)}
    }`,
    write: `    {
${every(
  ({ tile, half, factor }, round, name) => `      {
        let slot = lane + ${round * threads}u;
        ${isWhole(round) ? "" : `if (slot < ${columns * pieces}u) { `}${tile}[slot / ${pieces}u * ${operandPitch}u + slot % ${pieces}u] = ${half ? `next${name}` : `packed(${factor ? `${factor} * low${name}, ${factor} * high${name}` : `low${name}, high${name}`})`};${isWhole(round) ? "" : " }"}
      }`,
)}
      if (lane < ${columns}u) { columnSegments[lane / 4u][lane % 4u] = nextSegment; }
      if (subgroup == 0u) {
        let isAll = subgroupAll(nextSegment == low && low == high);
        if (lane == 0u) { isOneSegment = select(0u, 1u, isAll); }
      }
    }`,
  };
}
