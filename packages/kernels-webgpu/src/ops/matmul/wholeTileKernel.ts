import { kernelVariant, type Kernel } from "../../kernel.ts";

/** Rows, columns and depth that a product must be whole multiples of. */
export const WHOLE_TILE = 128;
export const WHOLE_DEPTH = 16;
/** Depth of one step. Two steps make a turn of the loop, each with workgroup memory of its own. */
const STEP = WHOLE_DEPTH / 2;
const THREADS = 256;
const PITCH = WHOLE_TILE / 4 + 1;

/**
 * y = alpha op(a) op(b) + addend in float32 where m and n are multiples of 128 and k of 16: no bounds, reads of four elements, the
 * next block fetched into registers while this one is multiplied, and stored where no thread reads, so that a step has one barrier.
 * The products of a step are written out, which alone is worth a third of the speed. A thread has 8 x 8 sums, in quarters 64 apart,
 * so that the 32 threads of a subgroup read different banks of workgroup memory.
 */
export function wholeTileKernel(transposeA: boolean, transposeB: boolean, addend: boolean): Kernel {
  const layout = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  const left = stagedOperand("a", !transposeA);
  const right = stagedOperand("b", transposeB);
  return kernelVariant(`matmul|wholeTile|${layout}|${addend}`, () => ({
    label: `matmul ${layout} 128x128x8, whole tiles`,
    workgroupSize: [THREADS, 1],
    bindings: { a: "read vec4f", b: "read vec4f", ...(addend ? { addend: "read vec4f" as const } : {}), y: "read_write vec4f" },
    parameters: { n: "u32", k: "u32", aStride: "u32", bStride: "u32", alpha: "f32", accumulate: "u32" },
    declarations: [0, 1]
      .map(
        (buffer) => `
var<workgroup> aTile${buffer}: array<vec4f, ${STEP * PITCH}>;
var<workgroup> bTile${buffer}: array<vec4f, ${STEP * PITCH}>;`,
      )
      .join(""),
    body: `
  let firstRow = group.y * ${WHOLE_TILE}u;
  let firstColumn = group.x * ${WHOLE_TILE}u;
  let warp = lane / 32u;
  let across = (warp % 2u) * 8u + lane % 8u;
  let down = (warp / 2u) * 4u + lane % 32u / 8u;
${each((i, j) => `  var sum${i}_${j} = vec4f();`)}
${left.start}
${right.start}
${left.stage(0)}
${right.stage(0)}
  workgroupBarrier();
  for (var depth = 0u; depth < p.k; depth += ${WHOLE_DEPTH}u) {
${left.fetch}
${right.fetch}
${multiply(0)}
${left.stage(1)}
${right.stage(1)}
    workgroupBarrier();
    let more = depth + ${WHOLE_DEPTH}u < p.k;
    if (more) {
${left.fetch}
${right.fetch}
    }
${multiply(1)}
    if (more) {
${left.stage(0)}
${right.stage(0)}
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

/** Adds the products of one step's depth. */
function multiply(buffer: number): string {
  return Array.from(
    { length: STEP },
    (_, d) => `    {
      let left0 = aTile${buffer}[${d * PITCH}u + down];
      let left1 = aTile${buffer}[${d * PITCH + 16}u + down];
      let right0 = bTile${buffer}[${d * PITCH}u + across];
      let right1 = bTile${buffer}[${d * PITCH + 16}u + across];
${each((i, j) => `      sum${i}_${j} = fma(vec4f(left${i >> 2}.${"xyzw"[i & 3]}), right${j}, sum${i}_${j});`)}
    }`,
  ).join("\n");
}

interface StagedOperand {
  /** WGSL: where the thread starts and its first block, fetching the next one, and storing it with the tile's own dimension innermost. */
  readonly start: string;
  readonly fetch: string;
  stage(buffer: number): string;
}

function stagedOperand(name: "a" | "b", depthIsContiguous: boolean): StagedOperand {
  const first = name === "a" ? "firstRow" : "firstColumn";
  const stride = `p.${name}Stride`;
  const inner = depthIsContiguous ? STEP / 4 : WHOLE_TILE / 4;
  const start = depthIsContiguous
    ? `((${first} + lane / ${inner}u) * ${stride}) / 4u + lane % ${inner}u`
    : `(lane / ${inner}u * ${stride} + ${first}) / 4u + lane % ${inner}u`;
  return {
    start: `  var ${name}At = ${start};\n  var ${name}Next = ${name}[${name}At];`,
    fetch: `      ${name}At += ${depthIsContiguous ? `${STEP / 4}u` : `${STEP / 4}u * ${stride}`};\n      ${name}Next = ${name}[${name}At];`,
    stage: (buffer) =>
      depthIsContiguous
        ? `    {
      let line = lane / ${inner}u;
      let d = lane % ${inner}u * 4u;
${[0, 1, 2, 3].map((j) => `      ${name}Tile${buffer}[(d + ${j}u) * ${PITCH}u + line / 4u][line % 4u] = ${name}Next[${j}];`).join("\n")}
    }`
        : `    ${name}Tile${buffer}[lane / ${inner}u * ${PITCH}u + lane % ${inner}u] = ${name}Next;`,
  };
}

function each(line: (row: number, column: number) => string): string {
  return Array.from({ length: 16 }, (_, index) => line(index >> 1, index & 1)).join("\n");
}
