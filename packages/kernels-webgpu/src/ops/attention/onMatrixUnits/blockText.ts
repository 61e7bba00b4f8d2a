import { tanhFunction } from "../../../wgsl/softcap.ts";
import { SUBGROUP_SIZE, THREADS, UNIT, type BlockShape } from "./blockShape.ts";

export const EXTENSIONS: readonly string[] = ["f16", "subgroups", "chromium_experimental_subgroup_matrix"];

/** Lower than any score and finite, and what lies between it and any score. */
export const LOWEST = "-3.0e38";
export const UNSEEN = "-1.0e30";

/** log2(e): exponentials are taken to the base 2, which is what the hardware has. */
export const LOG2_E = "1.4426950408889634";

export function list(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

export function each(rows: number, columns: number, line: (row: number, column: number) => string): string {
  return list(rows, (row) => list(columns, (column) => line(row, column)));
}

/** WGSL functions and variables that all kernels share. */
export function sharedDeclarations(shape: BlockShape, softcap: boolean): string {
  const loads = shape.columns / SUBGROUP_SIZE;
  return `
/** Where the next block of columns starts, and whether all of it is in the one segment of the rows. */
var<workgroup> nextBlock: vec2u;
var<workgroup> columnSegments: array<vec4i, ${shape.columns / 4}>;
fn packed(low: vec4f, high: vec4f) -> vec4u {
  return vec4u(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}
fn largestOf(values: vec4f) -> f32 { return max(max(values.x, values.y), max(values.z, values.w)); }
fn segmentOf(sequence: u32, token: u32) -> i32 { return segments[sequence * p.tokens + min(token, p.tokens - 1u)]; }
/** Queries before key + reach see it. */
fn reach() -> u32 { return select(p.window, 0x7fffffffu, p.window == 0u); }
/** The first block from \`start\` on that has segments between low and high; all lanes of a subgroup search together. */
@diagnostic(off, subgroup_uniformity) fn searchBlock(sequence: u32, start: u32, end: u32, low: i32, high: i32, inSubgroup: u32) -> vec2u {
  for (var at = start; at < end; at += ${shape.columns}u) {
${list(loads, (i) => `    let segment${i} = segmentOf(sequence, at + ${i * SUBGROUP_SIZE}u + inSubgroup);`)}
    let least = subgroupMin(${loads === 1 ? "segment0" : "min(segment0, segment1)"});
    let most = subgroupMax(${loads === 1 ? "segment0" : "max(segment0, segment1)"});
    if (most >= low && least <= high) { return vec2u(at, select(0u, 1u, least == most && low == high)); }
  }
  return vec2u(end, 0u);
}
${
  softcap
    ? `alias T = vec4f;
${tanhFunction}
fn cappedScore(score: vec4f) -> vec4f { return p.softcap * tanhOf(score / p.softcap); }
fn slopeOfCap(capped: vec4f) -> vec4f { let t = capped / p.softcap; return vec4f(1.0) - t * t; }`
    : ""
}`;
}

/** WGSL at the start of every kernel: `rowStart` is the workgroup's first row, the rest says which rows this lane has. */
export function laneDeclarations(shape: BlockShape): string {
  return `
  let inSubgroup = lane % ${SUBGROUP_SIZE}u;
  let row = inSubgroup % ${shape.subgroupRows}u;
  let part = inSubgroup / ${shape.subgroupRows}u;
  let firstRow = subgroup * ${shape.subgroupRows}u;
  let ownRow = rowStart + firstRow + row;
  let ownSegment = segmentOf(sequence, ownRow);
  let firstOfSubgroup = rowStart + firstRow;
  let lastOfSubgroup = firstOfSubgroup + ${shape.subgroupRows - 1}u;
  let ownScores = (firstRow + row) * ${shape.scorePitch}u + part * ${shape.laneColumns / 4}u;`;
}

/** WGSL: least and greatest segment of the workgroup's rows, in every subgroup. */
export function segmentBounds(shape: BlockShape): string {
  return `
  var low = ownSegment;
  var high = ownSegment;
  for (var r = inSubgroup; r < ${shape.rows}u; r += ${SUBGROUP_SIZE}u) {
    let segment = segmentOf(sequence, rowStart + r);
    low = min(low, segment);
    high = max(high, segment);
  }
  low = subgroupMin(low);
  high = subgroupMax(high);`;
}

/** WGSL: the first subgroup searches the next block; seen by all after the next barrier. */
export function announceBlock(start: string, end: string): string {
  return `
    if (subgroup == 0u) {
      let found = searchBlock(sequence, ${start}, ${end}, low, high, inSubgroup);
      if (lane == 0u) { nextBlock = found; }
    }`;
}

export interface StagedRows {
  /** Binding, and workgroup variable that is filled. */
  readonly operand: string;
  readonly tile: string;
  readonly rows: number;
  readonly start: string;
  /** Elements of a row of the operand, and the head that is read. */
  readonly width: string;
  readonly head: string;
  /** WGSL factor of row `token`. */
  readonly factor?: string;
}

/**
 * WGSL that rounds rows of one head to float16, 8 to a vec4u. Rows after the last token repeat it: what is computed with them is
 * masked or not stored. All loads come before all stores, so that they are under way together.
 */
export function stageRows(shape: BlockShape, operands: readonly StagedRows[]): string {
  const pieces = shape.headDim / 8;
  const lines: { load: string; store: string }[] = [];
  operands.forEach(({ operand, tile, rows, start, width, head, factor }, which) => {
    const rounds = Math.ceil((rows * pieces) / THREADS);
    for (let round = 0; round < rounds; round++) {
      const id = `${which}_${round}`;
      const whole = (round + 1) * THREADS <= rows * pieces;
      const slot = whole ? `lane + ${round * THREADS}u` : `min(lane + ${round * THREADS}u, ${rows * pieces - 1}u)`;
      lines.push({
        load: `
      let slot${id} = ${slot};
      let token${id} = min(${start} + slot${id} / ${pieces}u, p.tokens - 1u);
      let at${id} = ((sequence * p.tokens + token${id}) * ${width} + ${head} * ${shape.headDim}u) / 4u + slot${id} % ${pieces}u * 2u;
      let low${id} = ${operand}[at${id}];
      let high${id} = ${operand}[at${id} + 1u];${factor ? `\n      let factor${id} = ${factor.replaceAll("token", `token${id}`)};` : ""}`,
        store: `
      ${whole ? "" : `if (lane + ${round * THREADS}u < ${rows * pieces}u) { `}${tile}[slot${id} / ${pieces}u * ${shape.operandPitch}u + slot${id} % ${pieces}u] = packed(${factor ? `factor${id} * low${id}, factor${id} * high${id}` : `low${id}, high${id}`});${whole ? "" : " }"}`,
      });
    }
  });
  return `    {${lines.map(({ load }) => load).join("")}${lines.map(({ store }) => store).join("")}
    }`;
}

/** WGSL that fills `columnSegments` with the segments of the block that starts at `start`. */
export function stageSegments(shape: BlockShape, start: string): string {
  return `
    if (lane < ${shape.columns / 4}u) {
      let token = ${start} + 4u * lane;
      columnSegments[lane] = vec4i(segmentOf(sequence, token), segmentOf(sequence, token + 1u), segmentOf(sequence, token + 2u), segmentOf(sequence, token + 3u));
    }`;
}

/** WGSL that loads this subgroup's rows of a staged tile as left matrices `<name><i>_<depth>`, kept for the whole kernel. */
export function keepLeft(shape: BlockShape, name: string, tile: string): string {
  return each(
    shape.subgroupRows / UNIT,
    shape.headDim / UNIT,
    (i, d) =>
      `  let ${name}${i}_${d} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&${tile}, (firstRow + ${i * UNIT}u) * ${shape.operandPitch}u + ${2 * d}u, ${shape.operandPitch}u);`,
  );
}

/**
 * WGSL: this subgroup's scores of one block = kept left rows times the transpose of the staged columns, into `scores`. The sums are
 * set to 0 by name: in a loop, a matrix that is only declared keeps what the last round left (seen with Dawn on an H100).
 */
export function scoreProducts(
  shape: BlockShape,
  products: readonly { readonly left: string; readonly columns: string; readonly scores: string }[],
): string {
  const rowTiles = shape.subgroupRows / UNIT;
  const sum = (product: number, i: number): string => `sum${product}_${i}`;
  return list(
    shape.columns / UNIT,
    (j) => `      {
${products.map((_, product) => list(rowTiles, (i) => `        var ${sum(product, i)} = subgroup_matrix_result<f32, 16, 16>(0.0);`)).join("\n")}
${list(shape.headDim / UNIT, (d) =>
  products
    .map(
      ({ left, columns }, product) => `        {
          let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&${columns}, ${j * UNIT * shape.operandPitch + 2 * d}u, ${shape.operandPitch}u);
${list(rowTiles, (i) => `          ${sum(product, i)} = subgroupMatrixMultiplyAccumulate(${left}${i}_${d}, right, ${sum(product, i)});`)}
        }`,
    )
    .join("\n"),
)}
${products.map(({ scores }, product) => list(rowTiles, (i) => `        subgroupMatrixStore<row_major>(&${scores}, (firstRow + ${i * UNIT}u) * ${shape.scorePitch}u + ${4 * j}u, ${sum(product, i)}, ${shape.scorePitch}u);`)).join("\n")}
      }`,
  );
}

/** vec4s of a row of scores that one lane has. */
export function laneVectors(shape: BlockShape): number {
  return shape.laneColumns / 4;
}

/** WGSL that puts a lane's `<name>0`, `<name>1`, ... back into its part of `scores`, as float16. Lanes write only where they have read. */
export function storeWeights(shape: BlockShape, name: string, scores: string): string {
  return list(
    laneVectors(shape) / 2,
    (pair) => `      ${scores}[ownScores + ${pair}u] = packed(${name}${2 * pair}, ${name}${2 * pair + 1});`,
  );
}

/** vec4u from the start of a row of scores to its 16 float16 columns from 16 t on. */
function weightOffset(shape: BlockShape, t: number): number {
  const lane = Math.floor((t * UNIT) / shape.laneColumns);
  return (lane * shape.laneColumns) / 4 + (t * UNIT - lane * shape.laneColumns) / 8;
}

/** WGSL: `<sums><i>_<c>` += this subgroup's float16 weights in `scores` times the staged rows of `values`. */
export function addWeighted(
  shape: BlockShape,
  products: readonly { readonly sums: string; readonly scores: string; readonly values: string }[],
): string {
  const rowTiles = shape.subgroupRows / UNIT;
  return list(shape.columns / UNIT, (t) =>
    products
      .map(
        ({ sums, scores, values }) => `      {
${list(rowTiles, (i) => `        let left${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&${scores}, (firstRow + ${i * UNIT}u) * ${shape.scorePitch}u + ${weightOffset(shape, t)}u, ${shape.scorePitch}u);`)}
${list(
  shape.headDim / UNIT,
  (c) => `        {
          let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&${values}, ${t * UNIT * shape.operandPitch + 2 * c}u, ${shape.operandPitch}u);
${list(rowTiles, (i) => `          ${sums}${i}_${c} = subgroupMatrixMultiplyAccumulate(left${i}, right, ${sums}${i}_${c});`)}
        }`,
)}
      }`,
      )
      .join("\n"),
  );
}

/** WGSL variables of the sums `<name><i>_<c>`. */
export function sumVariables(shape: BlockShape, name: string): string {
  return each(shape.subgroupRows / UNIT, shape.headDim / UNIT, (i, c) => `  var ${name}${i}_${c}: subgroup_matrix_result<f32, 16, 16>;`);
}

/** WGSL that multiplies all sums by a factor that is the same in a subgroup. */
export function multiplySums(shape: BlockShape, name: string, factor: string): string {
  return each(
    shape.subgroupRows / UNIT,
    shape.headDim / UNIT,
    (i, c) => `        ${name}${i}_${c} = subgroupMatrixScalarMultiply(${name}${i}_${c}, ${factor});`,
  );
}

/** WGSL that writes the sums to one head of `output`, 16 columns at a time through `scores`; row r of the workgroup is multiplied by `factor` of r. */
export function storeSums(
  shape: BlockShape,
  name: string,
  scores: string,
  output: string,
  width: string,
  head: string,
  factor: (row: string) => string,
): string {
  const rowTiles = shape.subgroupRows / UNIT;
  return list(
    shape.headDim / UNIT,
    (c) => `
  workgroupBarrier();
${list(rowTiles, (i) => `  subgroupMatrixStore<row_major>(&${scores}, (firstRow + ${i * UNIT}u) * ${shape.scorePitch}u, ${name}${i}_${c}, ${shape.scorePitch}u);`)}
  workgroupBarrier();
  for (var slot = inSubgroup; slot < ${shape.subgroupRows * 4}u; slot += ${SUBGROUP_SIZE}u) {
    let r = firstRow + slot / 4u;
    let token = rowStart + r;
    if (token < p.tokens) {
      ${output}[((sequence * p.tokens + token) * ${width} + ${head} * ${shape.headDim}u) / 4u + ${4 * c}u + slot % 4u] = ${factor("r")} * bitcast<vec4f>(${scores}[r * ${shape.scorePitch}u + slot % 4u]);
    }
  }`,
  );
}
