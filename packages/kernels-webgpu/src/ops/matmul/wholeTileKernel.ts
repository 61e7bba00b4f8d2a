import { kernelVariant, type Kernel } from "../../kernel.ts";

/** Rows, columns and depth that a product must be whole multiples of. */
export const WHOLE_TILE = 128;
export const WHOLE_DEPTH = 16;
const THREADS = 256;
const PITCH = WHOLE_TILE / 4 + 1;

/**
 * y = alpha op(a) op(b) + addend in float32 where m and n are multiples of 128 and k of 16: no bounds, reads of four elements, the
 * next block fetched into registers while this one is multiplied. A thread has 8 x 8 sums, in quarters 64 apart, so that the 32
 * threads of a subgroup read different banks of workgroup memory.
 */
export function wholeTileKernel(transposeA: boolean, transposeB: boolean, addend: boolean): Kernel {
  const layout = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  const left = stagedOperand("a", !transposeA);
  const right = stagedOperand("b", transposeB);
  return kernelVariant(`matmul|wholeTile|${layout}|${addend}`, () => ({
    label: `matmul ${layout} 128x128x16, whole tiles`,
    workgroupSize: [THREADS, 1],
    bindings: { a: "read vec4f", b: "read vec4f", ...(addend ? { addend: "read vec4f" as const } : {}), y: "read_write vec4f" },
    parameters: { n: "u32", k: "u32", aStride: "u32", bStride: "u32", alpha: "f32", accumulate: "u32" },
    declarations: `
var<workgroup> aTile: array<vec4f, ${WHOLE_DEPTH * PITCH}>;
var<workgroup> bTile: array<vec4f, ${WHOLE_DEPTH * PITCH}>;`,
    body: `
  let firstRow = group.y * ${WHOLE_TILE}u;
  let firstColumn = group.x * ${WHOLE_TILE}u;
  let warp = lane / 32u;
  let across = (warp % 2u) * 8u + lane % 8u;
  let down = (warp / 2u) * 4u + lane % 32u / 8u;
${each((i, j) => `  var sum${i}_${j} = vec4f();`)}
${left.start}
${right.start}
${left.fetch}
${right.fetch}
  for (var depth = 0u; depth < p.k; depth += ${WHOLE_DEPTH}u) {
${left.stage}
${right.stage}
    workgroupBarrier();
    if (depth + ${WHOLE_DEPTH}u < p.k) {
${left.advance}
${right.advance}
${left.fetch}
${right.fetch}
    }
    for (var d = 0u; d < ${WHOLE_DEPTH}u; d++) {
      let left0 = aTile[d * ${PITCH}u + down];
      let left1 = aTile[d * ${PITCH}u + down + 16u];
      let right0 = bTile[d * ${PITCH}u + across];
      let right1 = bTile[d * ${PITCH}u + across + 16u];
${each((i, j) => `      sum${i}_${j} = fma(vec4f(left${i >> 2}.${"xyzw"[i & 3]}), right${j}, sum${i}_${j});`)}
    }
    workgroupBarrier();
  }
${each(
  (i, j) => `  {
    let at = ((firstRow + 4u * down + ${(i >> 2) * 64 + (i & 3)}u) * p.n + firstColumn) / 4u + across + ${16 * j}u;
${addend ? `    y[at] = p.alpha * sum${i}_${j} + addend[at];` : `    if (p.accumulate != 0u) { y[at] += p.alpha * sum${i}_${j}; } else { y[at] = p.alpha * sum${i}_${j}; }`}
  }`,
)}`,
  }));
}

function stagedOperand(
  name: "a" | "b",
  depthIsContiguous: boolean,
): { readonly start: string; readonly fetch: string; readonly advance: string; readonly stage: string } {
  const first = name === "a" ? "firstRow" : "firstColumn";
  const stride = `p.${name}Stride`;
  const inner = depthIsContiguous ? WHOLE_DEPTH / 4 : WHOLE_TILE / 4;
  const lines = THREADS / inner;
  const rounds = (WHOLE_TILE * WHOLE_DEPTH) / 4 / THREADS;
  const list = (line: (round: number) => string): string => Array.from({ length: rounds }, (_, round) => line(round)).join("\n");
  const start = depthIsContiguous
    ? `((${first} + lane / ${inner}u) * ${stride}) / 4u + lane % ${inner}u`
    : `(lane / ${inner}u * ${stride} + ${first}) / 4u + lane % ${inner}u`;
  return {
    start: `  var ${name}At = ${start};\n${list((round) => `  var ${name}Next${round} = vec4f();`)}`,
    fetch: list((round) => `      ${name}Next${round} = ${name}[${name}At + ${round * lines}u * ${stride} / 4u];`),
    advance: `      ${name}At += ${depthIsContiguous ? `${WHOLE_DEPTH / 4}u` : `${WHOLE_DEPTH / 4}u * ${stride}`};`,
    stage: list((round) =>
      depthIsContiguous
        ? `    {
      let line = lane / ${inner}u + ${round * lines}u;
      let d = lane % ${inner}u * 4u;
${[0, 1, 2, 3].map((j) => `      ${name}Tile[(d + ${j}u) * ${PITCH}u + line / 4u][line % 4u] = ${name}Next${round}[${j}];`).join("\n")}
    }`
        : `    ${name}Tile[(lane / ${inner}u + ${round * lines}u) * ${PITCH}u + lane % ${inner}u] = ${name}Next${round};`,
    ),
  };
}

function each(line: (row: number, column: number) => string): string {
  return Array.from({ length: 16 }, (_, index) => line(index >> 1, index & 1)).join("\n");
}
