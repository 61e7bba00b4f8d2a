import { kernelVariant, type Kernel } from "../../kernel.ts";
import { tileThreads, type MatmulTile } from "./tile.ts";

/** What makes one matmul pipeline differ from another; shapes do not. */
export interface MatmulVariant {
  readonly tile: MatmulTile;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Element type in memory; float16 is widened when it is staged. */
  readonly a: "f32" | "f16";
  readonly b: "f32" | "f16";
  /** Of y and of an addend; sums are float32. */
  readonly y: "f32" | "f16";
  /** Adds a third operand laid out like y. Without it y can still be added to, by `accumulate`. */
  readonly addend: boolean;
}

/**
 * y = alpha op(a) op(b) (+ addend, or + y when `accumulate` is 1). Each step stages a (tileM, tileK) block of op(a) and a
 * (tileK, tileN) block of op(b) in workgroup memory, both with the tile's own dimension innermost in vec4s, so that a thread
 * reads its rows and columns four at a time. Elements outside the matrices are staged as 0.
 */
export function matmulKernel({ tile, transposeA, transposeB, a, b, y, addend }: MatmulVariant): Kernel {
  const { tileM, tileN, tileK, threadM, threadN } = tile;
  const layout = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  const [alongN, alongM] = tileThreads(tile);
  const threads = alongN * alongM;
  const rowVectors = threadM / 4;
  const columnVectors = threadN / 4;
  return kernelVariant(`matmul|${layout}|${tileM}x${tileN}x${tileK}|${threadM}x${threadN}|${a}|${b}|${y}|${addend}`, () => ({
    label: `matmul ${layout} ${tileM}x${tileN}x${tileK}, ${a} ${b}`,
    workgroupSize: [alongN, alongM],
    bindings: {
      a: a === "f32" ? "read f32" : "read u32",
      b: b === "f32" ? "read f32" : "read u32",
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
      alpha: "f32",
      accumulate: "u32",
    },
    declarations: `
var<workgroup> aTile: array<vec4f, ${tileK * (tileM / 4 + 1)}>;
var<workgroup> bTile: array<vec4f, ${tileK * (tileN / 4 + 1)}>;
fn aAt(row: u32, depth: u32) -> f32 {
  if (row >= p.m || depth >= p.k) { return 0.0; }
  let at = p.aFirst + ${transposeA ? "depth * p.aStride + row" : "row * p.aStride + depth"};
  return ${a === "f32" ? "a[at]" : "unpack2x16float(a[at >> 1u])[at & 1u]"};
}
fn bAt(depth: u32, column: u32) -> f32 {
  if (column >= p.n || depth >= p.k) { return 0.0; }
  let at = p.bFirst + ${transposeB ? "column * p.bStride + depth" : "depth * p.bStride + column"};
  return ${b === "f32" ? "b[at]" : "unpack2x16float(b[at >> 1u])[at & 1u]"};
}
fn store(row: u32, column: u32, values: vec4f) {
  if (row >= p.m) { return; }
  let slot = p.yFirst + row * p.yStride + column;
  for (var j = 0u; j < 4u && column + j < p.n; j++) {
    var value = p.alpha * values[j];
${addend ? "    value += f32(addend[slot + j]);" : "    if (p.accumulate != 0u) { value += f32(y[slot + j]); }"}
    y[slot + j] = ${y}(value);
  }
}`,
    body: `
  let firstRow = group.y * ${tileM}u;
  let firstColumn = group.x * ${tileN}u;
${each(threadM, columnVectors, (row, vector) => `  var sum${row}_${vector} = vec4f();`)}
  for (var depth = 0u; depth < p.k; depth += ${tileK}u) {
${stage("a", tileM, tileK, threads, !transposeA)}
${stage("b", tileN, tileK, threads, transposeB)}
    workgroupBarrier();
    for (var d = 0u; d < ${tileK}u; d++) {
${list(rowVectors, (vector) => `      let left${vector} = aTile[d * ${tileM / 4 + 1}u + local.y * ${rowVectors}u + ${vector}u];`)}
${list(columnVectors, (vector) => `      let right${vector} = bTile[d * ${tileN / 4 + 1}u + local.x * ${columnVectors}u + ${vector}u];`)}
${each(threadM, columnVectors, (row, vector) => `      sum${row}_${vector} += left${row >> 2}.${"xyzw"[row & 3]} * right${vector};`)}
    }
    workgroupBarrier();
  }
  let row = firstRow + local.y * ${threadM}u;
  let column = firstColumn + local.x * ${threadN}u;
${each(threadM, columnVectors, (r, vector) => `  store(row + ${r}u, column + ${4 * vector}u, sum${r}_${vector});`)}`,
  }));
}

/** Stages one operand. Neighbouring threads read neighbouring addresses: along the depth when that is what lies contiguous in memory. */
function stage(name: "a" | "b", tileWidth: number, tileK: number, threads: number, depthIsContiguous: boolean): string {
  const vectors = tileWidth / 4;
  const first = name === "a" ? "firstRow" : "firstColumn";
  const at = (offset: number): string => (name === "a" ? `aAt(at + ${offset}u, depth + d)` : `bAt(depth + d, at + ${offset}u)`);
  return `    for (var slot = lane; slot < ${vectors * tileK}u; slot += ${threads}u) {
      let d = ${depthIsContiguous ? `slot % ${tileK}u` : `slot / ${vectors}u`};
      let vector = ${depthIsContiguous ? `slot / ${tileK}u` : `slot % ${vectors}u`};
      let at = ${first} + 4u * vector;
      ${name}Tile[d * ${vectors + 1}u + vector] = vec4f(${[0, 1, 2, 3].map(at).join(", ")});
    }`;
}

function list(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

function each(rows: number, columns: number, line: (row: number, column: number) => string): string {
  return list(rows, (row) => list(columns, (column) => line(row, column)));
}
