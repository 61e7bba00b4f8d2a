import { kernelVariant, type Kernel } from "../../kernel.ts";
import { SUBGROUP_SIZE, subgroupsOf, type MatrixUnitTile } from "./matrixUnitTile.ts";

/** What makes one matrix-unit pipeline differ from another; shapes do not. */
export interface MatrixUnitVariant {
  readonly tile: MatrixUnitTile;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Element type in memory; float32 is rounded to float16 when it is staged. */
  readonly a: "f32" | "f16";
  readonly b: "f32" | "f16";
  /** Of y and of an addend; sums are float32. */
  readonly y: "f32" | "f16";
  /** Adds a third operand laid out like y. Without it y can still be added to, by `accumulate`. */
  readonly addend: boolean;
  /** All of m, n and k are multiples of the tile: no bounds are checked. */
  readonly exact: boolean;
}

const unit = 16;

/** Rows of blocks that are worked through column by column, so that what they read stays in the cache. */
const BAND = 4;

/**
 * y = alpha op(a) op(b) (+ addend, or + y when `accumulate` is 1) with float16 operands and float32 sums on matrix units. Each
 * step stages a (tileM, tileK) block of op(a) and a (tileK, tileN) block of op(b) as float16 in workgroup memory, 8 to a vec4u,
 * as they lie in memory, each line padded by one vec4u against bank conflicts; the next block is fetched into registers
 * meanwhile. Strides and offsets are multiples of 8. Workgroups along z take parts of the depth and write planes of y.
 */
export function matrixUnitKernel(variant: MatrixUnitVariant): Kernel {
  const { tile, transposeA, transposeB, a, b, y, addend, exact } = variant;
  // Matrices are float32: a block of float16 leaves through workgroup memory, like one at the edge.
  const direct = y === "f32";
  const { tileM, tileN, tileK, subgroupM, subgroupN } = tile;
  const threads = SUBGROUP_SIZE * subgroupsOf(tile);
  const layout = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  const [rows, columns, depths] = [subgroupM / unit, subgroupN / unit, tileK / unit];
  const left = stagedOperand(
    "a",
    a,
    transposeA ? tileK : tileM,
    transposeA ? tileM : tileK,
    threads,
    exact,
    transposeA ? "depthFirst" : "lineFirst",
  );
  const right = stagedOperand(
    "b",
    b,
    transposeB ? tileN : tileK,
    transposeB ? tileK : tileN,
    threads,
    exact,
    transposeB ? "lineFirst" : "depthFirst",
  );
  const key = `matrixUnit|${layout}|${Object.values(tile).join("x")}|${a}|${b}|${y}|${addend}|${exact}`;
  return kernelVariant(key, () => ({
    label: `matmul ${layout} ${tileM}x${tileN}x${tileK} on matrix units, ${a} ${b} to ${y}`,
    workgroupSize: [threads, 1],
    enable: ["f16", "subgroups", "chromium_experimental_subgroup_matrix"],
    bindings: {
      a: a === "f32" ? "read vec4f" : "read vec4u",
      b: b === "f32" ? "read vec4f" : "read vec4u",
      ...(addend ? { addend: `read ${y}` as const } : {}),
      y: `read_write ${y}`,
    },
    parameters: {
      m: "u32",
      n: "u32",
      k: "u32",
      aStride: "u32",
      bStride: "u32",
      yStride: "u32",
      aFirst: "u32",
      bFirst: "u32",
      yFirst: "u32",
      partDepth: "u32",
      planeStride: "u32",
      alpha: "f32",
      accumulate: "u32",
    },
    declarations: `
var<workgroup> aTile: array<vec4u, ${left.lines * left.pitch}>;
var<workgroup> bTile: array<vec4u, ${right.lines * right.pitch}>;
${exact && direct ? "" : `var<workgroup> edge: array<f32, ${unit * unit * subgroupsOf(tile)}>;`}
fn packed(low: vec4f, high: vec4f) -> vec4u {
  return vec4u(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}`,
    body: `
  let flat = group.y * groups.x + group.x;
  let band = flat / (${BAND}u * groups.x);
  let inBand = flat - band * ${BAND}u * groups.x;
  let bandRows = min(${BAND}u, groups.y - band * ${BAND}u);
  let firstRow = (band * ${BAND}u + inBand % bandRows) * ${tileM}u;
  let firstColumn = inBand / bandRows * ${tileN}u;
  let firstDepth = group.z * p.partDepth;
  let lastDepth = min(p.k, firstDepth + p.partDepth);
  let ySlot = p.yFirst + group.z * p.planeStride;
  let subgroupRow = (subgroup / ${tileN / subgroupN}u) * ${subgroupM}u;
  let subgroupColumn = (subgroup % ${tileN / subgroupN}u) * ${subgroupN}u;
${each(rows, columns, (i, j) => `  var sum${i}_${j}: subgroup_matrix_result<f32, 16, 16>;`)}
${left.registers}
${right.registers}
  let row = firstRow + subgroupRow;
  let column = firstColumn + subgroupColumn;
${exact || !direct ? "" : `  let whole = firstRow + ${tileM}u <= p.m && firstColumn + ${tileN}u <= p.n;`}
${
  direct
    ? `  if (${[...(exact ? [] : ["whole"]), ...(addend ? [] : ["p.accumulate != 0u"])].join(" && ") || "true"}) {
${each(rows, columns, (i, j) => startFrom(i, j, addend ? "addend" : "y"))}
  }`
    : ""
}
  var depth = firstDepth;
${left.fetch}
${right.fetch}
  loop {
${left.stage}
${right.stage}
    workgroupBarrier();
    let more = depth + ${tileK}u < lastDepth;
    if (more) {
      depth += ${tileK}u;
${left.fetch}
${right.fetch}
    }
${list(
  depths,
  (step) => `    {
${list(
  rows,
  (i) =>
    `      let left${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, ${transposeA ? "col_major" : "row_major"}>(&aTile, ${
      transposeA
        ? `${step * unit * left.pitch}u + (subgroupRow + ${i * unit}u) / 8u`
        : `(subgroupRow + ${i * unit}u) * ${left.pitch}u + ${step * 2}u`
    }, ${left.pitch}u);`,
)}
${list(
  columns,
  (j) => `      {
        let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, ${transposeB ? "col_major" : "row_major"}>(&bTile, ${
          transposeB
            ? `(subgroupColumn + ${j * unit}u) * ${right.pitch}u + ${step * 2}u`
            : `${step * unit * right.pitch}u + (subgroupColumn + ${j * unit}u) / 8u`
        }, ${right.pitch}u);
${list(rows, (i) => `        sum${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right, sum${i}_${j});`)}
      }`,
)}
    }`,
)}
    if (!more) { break; }
    workgroupBarrier();
  }
${direct ? storeBlocks(rows, columns, exact, addend) : `    workgroupBarrier();\n${each(rows, columns, (i, j) => storeEdge(i, j, addend, y))}`}`,
  }));
}

/** Starts a 16x16 block's sum with what y is added to; the final scaling by alpha is undone beforehand. */
function startFrom(i: number, j: number, source: "addend" | "y"): string {
  return `    sum${i}_${j} = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&${source}, ${blockSlot(i, j)}, p.yStride);
    if (p.alpha != 1.0) { sum${i}_${j} = subgroupMatrixScalarMultiply(sum${i}_${j}, 1.0 / p.alpha); }`;
}

/** All blocks of a float32 y: whole ones straight from the registers. */
function storeBlocks(rows: number, columns: number, exact: boolean, addend: boolean): string {
  if (exact) return each(rows, columns, storeWhole);
  return `  if (whole) {
${each(rows, columns, storeWhole)}
  } else {
    workgroupBarrier();
${each(rows, columns, (i, j) => storeEdge(i, j, addend, "f32"))}
  }`;
}

/** A full 16x16 block of y, straight from the registers. */
function storeWhole(i: number, j: number): string {
  return `    if (p.alpha != 1.0) { sum${i}_${j} = subgroupMatrixScalarMultiply(sum${i}_${j}, p.alpha); }
    subgroupMatrixStore<row_major>(&y, ${blockSlot(i, j)}, sum${i}_${j}, p.yStride);`;
}

function blockSlot(i: number, j: number): string {
  return `ySlot + (row + ${i * unit}u) * p.yStride + column + ${j * unit}u`;
}

/** A block at the edge of y, element by element through workgroup memory. */
function storeEdge(i: number, j: number, addend: boolean, y: "f32" | "f16"): string {
  return `    subgroupMatrixStore<row_major>(&edge, subgroup * 256u, sum${i}_${j}, 16u);
    workgroupBarrier();
    for (var slot = lane % ${SUBGROUP_SIZE}u; slot < 256u; slot += ${SUBGROUP_SIZE}u) {
      let r = row + ${i * unit}u + slot / 16u;
      let c = column + ${j * unit}u + slot % 16u;
      if (r < p.m && c < p.n) {
        let at = ySlot + r * p.yStride + c;
        var value = p.alpha * edge[subgroup * 256u + slot];
${addend ? "        value += f32(addend[at]);" : "        if (p.accumulate != 0u) { value += f32(y[at]); }"}
        y[at] = ${y}(value);
      }
    }
    workgroupBarrier();`;
}

interface StagedOperand {
  /** Lines of the staged block as it lies in memory, and the vec4u from one line to the next. */
  readonly lines: number;
  readonly pitch: number;
  /** WGSL: registers for the next block, fetching it, and moving it to workgroup memory. */
  readonly registers: string;
  readonly fetch: string;
  readonly stage: string;
}

/** Staging of `lines` lines of `width` elements that are contiguous in memory, 8 elements a thread at a time. */
function stagedOperand(
  name: "a" | "b",
  type: "f32" | "f16",
  lines: number,
  width: number,
  threads: number,
  exact: boolean,
  order: "lineFirst" | "depthFirst",
): StagedOperand {
  const pieces = width / 8;
  const pitch = pieces + 1;
  const rounds = Math.ceil((lines * pieces) / threads);
  const whole = (lines * pieces) % threads === 0;
  const first = name === "a" ? "firstRow" : "firstColumn";
  const limit = name === "a" ? "p.m" : "p.n";
  const [lineBase, columnBase] = order === "lineFirst" ? [first, "depth"] : ["depth", first];
  const [lineLimit, columnLimit] = order === "lineFirst" ? [limit, "lastDepth"] : ["lastDepth", limit];
  const slotOf = (round: number): string => `(lane + ${round * threads}u)`;
  const fetch = list(rounds, (round) => {
    const slot = slotOf(round);
    const line = `${lineBase} + ${slot} / ${pieces}u`;
    const column = `${columnBase} + ${slot} % ${pieces}u * 8u`;
    const at = `(p.${name}First + (${line}) * p.${name}Stride + ${column})`;
    const loads =
      type === "f32"
        ? `let at = ${at} / 4u; ${name}Low${round} = ${name}[at]; ${name}High${round} = ${name}[at + 1u];`
        : `${name}Next${round} = ${name}[${at} / 8u];`;
    const conditions = [
      ...(exact ? [] : [`${line} < ${lineLimit}`, `${column} < ${columnLimit}`]),
      ...(whole ? [] : [`${slot} < ${lines * pieces}u`]),
    ];
    const zeros = type === "f32" ? `${name}Low${round} = vec4f(); ${name}High${round} = vec4f();` : `${name}Next${round} = vec4u();`;
    return conditions.length === 0 ? `      { ${loads} }` : `      if (${conditions.join(" && ")}) { ${loads} } else { ${zeros} }`;
  });
  const stage = list(rounds, (round) => {
    const slot = slotOf(round);
    const value = type === "f32" ? `packed(${name}Low${round}, ${name}High${round})` : `${name}Next${round}`;
    const store = `${name}Tile[${slot} / ${pieces}u * ${pitch}u + ${slot} % ${pieces}u] = ${value};`;
    return whole ? `    ${store}` : `    if (${slot} < ${lines * pieces}u) { ${store} }`;
  });
  const registers = list(rounds, (round) =>
    type === "f32" ? `  var ${name}Low${round} = vec4f(); var ${name}High${round} = vec4f();` : `  var ${name}Next${round} = vec4u();`,
  );
  return { lines, pitch, registers, fetch, stage };
}

function list(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

function each(rows: number, columns: number, line: (row: number, column: number) => string): string {
  return list(rows, (row) => list(columns, (column) => line(row, column)));
}
