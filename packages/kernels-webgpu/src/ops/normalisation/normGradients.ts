import { elementCount, type TensorType } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant, type BindingType } from "../../kernel.ts";
import { floatElement, type Operand } from "../../operand.ts";
import { normRows, pieceSum, type NormRows } from "./normRows.ts";

/** Pieces of a row that a thread keeps: beside its sums over rows, more would leave a large GPU too few threads to wait for memory. */
const MOST_KEPT = 4;
/** Blocks of rows: enough workgroups to keep a large GPU reading, and few beside the rows that are read. */
const MAX_BLOCKS = 512;
const FEWEST_ROWS = 8;

/** Elements of a row that a thread may keep at most, where the workgroup has no more threads. */
const MOST_ELEMENTS = 32;

/** Whether a row of `width` is short enough for a workgroup's registers. */
export function canKeepSums(width: number): boolean {
  const { kept, piece } = normRows(width, false, MOST_KEPT);
  return kept * piece <= MOST_ELEMENTS;
}

/** Rows of normalised groups whose sums over rows one workgroup keeps: a whole number for each of the threads' places. */
function rowsOfBlock(rows: number, width: number, subgroups: boolean): number {
  const { lanes, workgroupSize } = normRows(width, subgroups, MOST_KEPT);
  const abreast = workgroupSize[0] / lanes;
  return Math.ceil(Math.max(FEWEST_ROWS, rows / MAX_BLOCKS) / abreast) * abreast;
}

/** Type of the sums over blocks of rows that `normGradients` writes for n vectors of `width`: (blocks, n times width) in float32. */
export function blockSumsType(x: TensorType, width: number, vectors: number, subgroups: boolean): TensorType {
  const rows = elementCount(x.shape) / width;
  return { shape: [Math.ceil(rows / rowsOfBlock(rows, width, subgroups)), vectors * width], dtype: "f32" };
}

/**
 * A norm's gradients by x and by its weight (and bias) from one reading of dy and x. Inputs are those of `rmsNormGrad` or, with the
 * attribute `centred`, of `layerNormGrad`; outputs are theirs and after them the sums over blocks of rows (`blockSumsType`) of dy * xhat and,
 * where centred, beside them of dy; with the attribute `repeats` after all of them the norm's own result, where not centred. Each workgroup walks over the rows of a block and keeps the sums of its columns in registers.
 */
export const normGradients: OpEmitter = (emitter, { inputs, outputs, attributes }) => {
  const centred = attributes["centred"] === true;
  const [dy, x, weight, ...others] = inputs;
  const [mean, rstd, addend] = centred ? others : [undefined, ...others];
  const repeats = attributes["repeats"] === true;
  const y = repeats ? outputs.at(-1) : undefined;
  const [dx, ...copyAndSums] = outputs.slice(0, repeats ? -1 : undefined);
  const [sums, half] = copyAndSums.reverse() as [Operand, Operand | undefined];
  const width = weight!.shape[0]!;
  const count = elementCount(x!.shape) / width;
  const subgroups = emitter.limits.matrixUnits === true;
  const rows = normRows(width, subgroups, MOST_KEPT);
  const { wide } = rows;
  const from = floatElement(dy!, rows.piece);
  const to = half && floatElement(half, rows.piece);
  const again = y && floatElement(y, rows.piece);
  const kernel = kernelVariant(`normGradients|${centred}|${rows.key}|${from}|${addend !== undefined}|${to ?? ""}|${again ?? ""}`, () => ({
    label: `${centred ? "layerNormGradients" : "rmsNormGradients"}${again ? " and rmsNorm" : ""}`,
    workgroupSize: rows.workgroupSize,
    enable: rows.enable,
    bindings: {
      dy: `read ${from}`,
      x: `read ${wide}`,
      weight: `read ${wide}`,
      ...(centred ? { mean: "read f32" as const } : {}),
      rstd: "read f32",
      ...(addend ? { addend: `read ${wide}` as const } : {}),
      dx: `read_write ${wide}`,
      ...(to ? { half: `read_write ${to}` as BindingType } : {}),
      sums: `read_write ${wide}`,
      ...(again ? { y: `read_write ${again}` as BindingType } : {}),
    },
    parameters: { count: "u32", blockRows: "u32", ...(centred ? {} : { weightOffset: "f32" as const }) },
    declarations: `${rows.declarations}${acrossPlaces(rows)}`,
    body: body(rows, width, { centred, adds: addend !== undefined, half: to, again }),
  }));
  emitter.dispatch(
    kernel,
    {
      dy: dy!,
      x: x!,
      weight: weight!,
      ...(mean ? { mean } : {}),
      rstd: rstd!,
      ...(addend ? { addend } : {}),
      dx: dx!,
      ...(half ? { half } : {}),
      sums,
      ...(y ? { y } : {}),
    },
    {
      count,
      blockRows: rowsOfBlock(count, width, subgroups),
      ...(centred ? {} : { weightOffset: attributes["weightOffset"] as number }),
    },
    [sums.shape[0]!],
  );
};

interface Variant {
  readonly centred: boolean;
  /** Whether there is an addend. */
  readonly adds: boolean;
  /** Types of the copy and of the norm's result, where they are written. */
  readonly half: string | undefined;
  readonly again: string | undefined;
}

/** Reads all of a row before its sum is waited for: what then is left to do is dx = base - rstd * (mean(g) + xhat * mean(g * xhat)). */
function body(rows: NormRows, width: number, { centred, adds, half, again }: Variant): string {
  const { forEach, load, wide, lanes, pieces } = rows;
  const abreast = rows.workgroupSize[0] / lanes;
  const numbers = Array.from({ length: rows.kept }, (_, piece) => piece);
  const factor = (column: string): string => (centred ? `weight[${column}]` : `(weight[${column}] + p.weightOffset)`);
  const totals = centred ? ["byWeight", "byBias"] : ["byWeight"];
  return `
  let place = lane / ${lanes}u;
  let start = lane % ${lanes}u;
  let end = min((group.x + 1u) * p.blockRows, p.count);
${totals.flatMap((total) => numbers.map((piece) => `  var ${total}${piece} = ${wide}();`)).join("\n")}
  for (var block = group.x * p.blockRows; block < end; block += ${abreast}u) {
    let exists = block + place < end;
    let row = min(block + place, end - 1u);
    let first = row * ${pieces}u;
    let scale = rstd[row];
${centred ? "    let centre = mean[row];" : ""}
${load("xhat", (at) => (centred ? `(x[${at}] - centre) * scale` : `x[${at}] * scale`))}
${load("d", (at) => `${wide}(dy[${at}])`)}
${load("g", (_, column, piece) => `d${piece} * ${factor(column)}`)}
${load("base", (at, _, piece) => `${adds ? `addend[${at}] + ` : ""}scale * g${piece}`)}
    if (exists) {
${forEach(
  (piece, column) =>
    `      byWeight${piece} += d${piece} * xhat${piece};${centred ? ` byBias${piece} += d${piece};` : ""}${again ? `\n      y[first + ${column}] = ${again}(xhat${piece} * ${factor(column)});` : ""}`,
)}
    }
    var products = ${wide}();
${forEach((piece) => `    products += g${piece} * xhat${piece};`)}
    let slope = scale * rowSum(${pieceSum(rows, "products")}, lane) / ${width}.0;
${
  centred
    ? `    var total = ${wide}();
${forEach((piece) => `    total += g${piece};`)}
    let shift = scale * rowSum(${pieceSum(rows, "total")}, lane) / ${width}.0;`
    : ""
}
    if (exists) {
${forEach(
  (piece, column) => `      let sum${piece} = base${piece} - xhat${piece} * slope${centred ? " - shift" : ""};
      dx[first + ${column}] = sum${piece};${half ? `\n      half[first + ${column}] = ${half}(sum${piece});` : ""}`,
)}
    }
  }
${totals.flatMap((total) => numbers.map((piece) => `  ${total}${piece} = acrossPlaces(${total}${piece}, lane);`)).join("\n")}
  if (place != 0u) { return; }
  let own = group.x * ${totals.length * pieces}u;
${totals.map((total, vector) => forEach((piece, column) => `  sums[own + ${vector * pieces}u + ${column}] = ${total}${piece};`)).join("\n")}`;
}

/** WGSL function that adds up what the threads at the same pieces of different rows hold, in the order of their places; the first place gets the sum. */
function acrossPlaces({ wide, lanes, workgroupSize: [threads] }: NormRows): string {
  if (lanes === threads) return `fn acrossPlaces(value: ${wide}, lane: u32) -> ${wide} { return value; }`;
  return `
var<workgroup> parts: array<${wide}, ${threads}>;
fn acrossPlaces(value: ${wide}, lane: u32) -> ${wide} {
  workgroupBarrier();
  parts[lane] = value;
  workgroupBarrier();
  var total = value;
  for (var other = lane + ${lanes}u; other < ${threads}u; other += ${lanes}u) { total += parts[other]; }
  return total;
}`;
}
