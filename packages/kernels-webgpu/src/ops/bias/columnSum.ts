import { bytesPerElement, elementCount } from "@sft/kernels";
import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { kernelVariant, type BindingType, type Kernel } from "../../kernel.ts";
import { floatElement, type Operand, type OperandRange } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";

const COLUMNS = 64;
/** Blocks of rows: enough workgroups, with narrow rows too, to keep a large GPU reading. */
const MAX_BLOCKS = 256;
/** Columns of a workgroup that adds up the blocks, and threads a column. */
const SUM_COLUMNS = 16;
const SUM_LANES = 16;

/** Sums over rows of several terms at once, each written by its own output. */
export interface ColumnSumSource {
  readonly label: string;
  /** Inputs bound by row range. */
  readonly inputs: readonly string[];
  /** WGSL expressions of row r and column c (of `p.width`), one an output; inputs that may be float16 are read as `f32(x[...])`. */
  readonly terms: readonly string[];
}

/**
 * output_t[c] = sum over rows r of term_t(r, c), plus an addend. Two stages without atomics: blocks of rows give partial sums, and
 * these are added in a fixed order, the addend last. Row ranges of inputs that pass the binding limit only mean more blocks.
 */
export function emitColumnSum(
  emitter: Emitter,
  source: ColumnSumSource,
  inputs: Readonly<Record<string, Operand>>,
  rows: number,
  width: number,
  outputs: readonly Operand[],
  addends: readonly (Operand | undefined)[] = [],
): void {
  const { limits } = emitter;
  const columnGroups = Math.ceil(width / COLUMNS);
  const ranges = rowRanges(
    source.label,
    rows,
    source.inputs.map((name) => (rows === 0 ? 4 : sizeOfRow(inputs[name]!, rows))),
    limits.maxBindingBytes,
  );
  const bindableBlocks = Math.floor(limits.maxBindingBytes / (width * 4)) - ranges.length;
  const blockRows = Math.max(8, Math.ceil(rows / Math.max(1, Math.min(MAX_BLOCKS, bindableBlocks))));
  const blocks = ranges.reduce((sum, range) => sum + Math.ceil(range.count / blockRows), 0);
  const partials = outputs.map(() => emitter.scratch({ shape: [Math.max(1, blocks), width], dtype: "f32" }));

  const elements = source.inputs.map((name) => floatElement(inputs[name]!, 1));
  const partialSums = kernelVariant(`columnSum|${source.label}|${elements.join()}`, () => ({
    label: `${source.label}, row blocks`,
    workgroupSize: [COLUMNS, 1],
    bindings: {
      ...Object.fromEntries(source.inputs.map((name, index) => [name, `read ${elements[index]!}`] as [string, BindingType])),
      ...Object.fromEntries(source.terms.map((_, index) => [`sums${index}`, "read_write f32"] as [string, BindingType])),
    },
    parameters: { rows: "u32", width: "u32", blockRows: "u32", firstBlock: "u32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.width) { return; }
  let start = group.y * p.blockRows;
  let end = min(start + p.blockRows, p.rows);
${source.terms.map((_, index) => `  var total${index} = 0.0;`).join("\n")}
  for (var r = start; r < end; r++) {
${source.terms.map((term, index) => `    total${index} += ${term};`).join("\n")}
  }
${source.terms.map((_, index) => `  sums${index}[(p.firstBlock + group.y) * p.width + c] = total${index};`).join("\n")}`,
  }));

  let firstBlock = 0;
  for (const range of ranges) {
    const bound = Object.fromEntries(source.inputs.map((name) => [name, rowRangeOf(inputs[name]!, rows, range.start, range.count)]));
    const sums = Object.fromEntries(partials.map((partial, index) => [`sums${index}`, partial]));
    const rangeBlocks = Math.ceil(range.count / blockRows);
    emitter.dispatch(partialSums, { ...bound, ...sums }, { rows: range.count, width, blockRows, firstBlock }, [columnGroups, rangeBlocks]);
    firstBlock += rangeBlocks;
  }
  outputs.forEach((output, index) => {
    const addend = addends[index];
    emitter.dispatch(
      blockSum(1, addend !== undefined),
      { sums: partials[index]!, y0: output, ...(addend ? { addend } : {}) },
      { width, blocks },
      [Math.ceil(width / SUM_COLUMNS)],
    );
  });
}

/**
 * Adds up blocks of rows: inputs are their sums, (blocks, n times width) in float32, and with one output an optional addend; outputs are
 * n vectors of `width`, the columns one after the other.
 */
export const sumBlocks: OpEmitter = (emitter, { inputs: [sums, addend], outputs }) => {
  const [blocks, columns] = sums!.shape as [number, number];
  emitter.dispatch(
    blockSum(outputs.length, addend !== undefined),
    { sums: sums!, ...Object.fromEntries(outputs.map((y, index) => [`y${index}`, y])), ...(addend ? { addend } : {}) },
    { width: columns / outputs.length, blocks },
    [Math.ceil(columns / SUM_COLUMNS)],
  );
};

function blockSum(outputs: number, hasAddend: boolean): Kernel {
  const ys = Array.from({ length: outputs }, (_, index) => index);
  return kernelVariant(`columnSum|blocks|${outputs}|${hasAddend}`, () => ({
    label: "columnSum, blocks",
    workgroupSize: [SUM_COLUMNS * SUM_LANES, 1],
    bindings: {
      sums: "read f32",
      ...(hasAddend ? { addend: "read f32" as const } : {}),
      ...Object.fromEntries(ys.map((index) => [`y${index}`, "read_write f32"] as [string, BindingType])),
    },
    parameters: { width: "u32", blocks: "u32" },
    declarations: `var<workgroup> parts: array<f32, ${SUM_COLUMNS * SUM_LANES}>;`,
    body: `
  let c = group.x * ${SUM_COLUMNS}u + lane % ${SUM_COLUMNS}u;
  let first = lane / ${SUM_COLUMNS}u;
  let columns = ${outputs}u * p.width;
  var total = 0.0;
  if (c < columns) {
    for (var block = first; block < p.blocks; block += ${SUM_LANES}u) { total += sums[block * columns + c]; }
  }
  parts[lane] = total;
  for (var stride = ${(SUM_COLUMNS * SUM_LANES) / 2}u; stride >= ${SUM_COLUMNS}u; stride >>= 1u) {
    workgroupBarrier();
    if (lane < stride) { parts[lane] += parts[lane + stride]; }
  }
  if (lane >= ${SUM_COLUMNS}u || c >= columns) { return; }
${ys.map((index) => `  if (c / p.width == ${index}u) { y${index}[c - ${index}u * p.width] = parts[lane]${hasAddend ? " + addend[c]" : ""}; }`).join("\n")}`,
  }));
}

/** Bytes of one of `rows` equal parts of an operand, whatever its shape. */
function sizeOfRow(operand: Operand, rows: number): number {
  return (elementCount(operand.shape) / rows) * bytesPerElement(operand.dtype);
}

function rowRangeOf(operand: Operand, rows: number, start: number, count: number): OperandRange {
  const width = elementCount(operand.shape) / rows;
  return { operand, start: start * width, length: count * width };
}
