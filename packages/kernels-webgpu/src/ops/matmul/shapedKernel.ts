import type { ActivationKind } from "@sft/kernels";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import { activationFunctions } from "../elementwise/activationFunctions.ts";
import { blocksOfY } from "./blocksOfY.ts";
import { depthLoop } from "./depthLoop.ts";
import { lowRankSteps, type LowRankPair } from "./lowRankSteps.ts";
import { SUBGROUP_SIZE, subgroupsOf, type MatrixUnitTile } from "./matrixUnitTile.ts";
import { each, list, UNIT } from "./multiplications.ts";
import { fetchAddend, storeGated, storeLines } from "./storeLines.ts";
import { stagedOperand } from "./wholeLines.ts";

/**
 * A product whose weights have one shape. m and n are at least the tile's, k is a multiple of its depth, rows of all operands are
 * whole 16 bytes. What counts the tokens is no part of it, so that batches of all lengths share a kernel: the rows of y, or the depth
 * where a is transposed.
 */
export interface ShapedVariant {
  readonly tile: MatrixUnitTile;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Elements from one line in memory to the next, of a, of b, and of y, which has n of them. */
  readonly aStride: number;
  readonly bStride: number;
  readonly n: number;
  /** Rows of an a that is not transposed are longer than the depth. */
  readonly longRows?: boolean;
  /** Whether m is a multiple of the tile's. */
  readonly wholeRows: boolean;
  /** Whether workgroups along z take parts of the depth, each into a plane of y of its own. */
  readonly parts: boolean;
  /** Element types in memory. Operands in float32 are rounded to float16 when they are staged; sums are float32. */
  readonly a: "f32" | "f16";
  readonly b: "f32" | "f16";
  /** Of y, and of an addend. */
  readonly y: "f32" | "f16";
  readonly addend: "none" | "separate" | "inPlace";
  /** Whether float16 with contiguous depth is fetched for two steps at once; k and the parts' depth are multiples of 64 then. */
  readonly wholeLines?: boolean;
  /** A further product in the same sums; not with parts of the depth. */
  readonly lowRank?: LowRankPair;
  /**
   * The tile's columns are half of b, into y, and half of a second such matrix `up`, into `yUp`; y and yUp are rounded, and f(y) * yUp
   * is written as well, with f of this kind. By whole lines in float16, without an addend; n is a multiple of half a tile.
   */
  readonly gated?: ActivationKind;
}

/**
 * y = alpha (op(a) op(b) + factor thin op(wide)) + addend on matrix units, with strides as constants of the text. What bounds it on a large GPU is the way
 * from the cache to workgroup memory: each step's blocks are fetched into registers during the step before, and each subgroup keeps
 * as large a part of y as its registers hold. The sums leave through workgroup memory in whole lines, where they are scaled, added
 * to and converted. The last block of a row or column of blocks is moved back to end with y; it stores only what is its own. With
 * `takesTurns` there may be fewer workgroups than blocks.
 */
export function shapedKernel(variant: ShapedVariant): Kernel {
  const {
    tile,
    transposeA,
    transposeB,
    aStride,
    bStride,
    n,
    longRows = false,
    wholeRows,
    parts,
    a,
    b,
    y,
    addend,
    wholeLines = false,
    lowRank,
    gated,
  } = variant;
  const { tileM, tileN, tileK, subgroupM, subgroupN } = tile;
  const subgroups = subgroupsOf(tile);
  const threads = SUBGROUP_SIZE * subgroups;
  const layout = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  const [rows, columns] = [subgroupM / UNIT, subgroupN / UNIT];
  const turns = takesTurns(variant);
  const key = `shaped|${layout}|${aStride}|${bStride}|${n}|${longRows}|${wholeRows}|${parts}|${Object.values(tile).join("x")}|${a}|${b}|${y}|${addend}|${wholeLines}|${Object.values(lowRank ?? {}).join("x")}|${gated ?? ""}`;
  return kernelVariant(key, () => {
    const left = stagedOperand(wholeLines, {
      name: "a",
      side: "rows",
      type: a,
      extent: tileM,
      depth: tileK,
      depthIsContiguous: !transposeA,
      stride: aStride,
      threads,
      subgroupExtent: subgroupM,
      offset: 0,
    });
    const right = stagedOperand(wholeLines, {
      name: "b",
      side: "columns",
      type: b,
      extent: tileN,
      depth: tileK,
      depthIsContiguous: transposeB,
      stride: bStride,
      ...(gated ? { beside: "up" } : {}),
      threads,
      subgroupExtent: subgroupN,
      offset: left.size,
    });
    const low = lowRank && lowRankSteps(lowRank, tile, n);
    // 16 rows of each subgroup's part of y in float32, padded by one vec4u a row.
    const pitch = subgroupN / 4 + 1;
    const memory = Math.max(left.size + right.size, low?.size ?? 0, subgroups * UNIT * pitch);
    const blocks = blocksOfY({ tile: gated ? { ...tile, tileN: tileN / 2 } : tile, n, wholeRows, turns, operands: [left, right] });
    const lastDepth = parts ? "lastDepth" : transposeA || longRows ? "p.k" : `${aStride}u`;
    return {
      label: `matmul ${layout} ${tileM}x${tileN}x${tileK} on matrix units, ${a} ${b} to ${y}${lowRank ? `, and rank ${lowRank.rank}` : ""}${gated ? `, of gate and up, and ${gated}` : ""}`,
      workgroupSize: [threads, 1],
      enable: ["f16", "subgroups", "chromium_experimental_subgroup_matrix"],
      bindings: {
        a: a === "f32" ? "read vec4f" : "read vec4u",
        b: b === "f32" ? "read vec4f" : "read vec4u",
        ...low?.bindings,
        ...(gated ? { up: "read vec4u" as const } : {}),
        ...(addend === "separate" ? { addend: y === "f32" ? ("read vec4f" as const) : ("read vec4u" as const) } : {}),
        y: y === "f32" ? "read_write vec4f" : "read_write vec4u",
        ...(gated ? { yUp: "read_write vec4u" as const, yGated: "read_write vec4u" as const } : {}),
      },
      parameters: { m: "u32", k: "u32", partDepth: "u32", alpha: "f32", ...low?.parameters },
      declarations: `
var<workgroup> staged: array<vec4u, ${memory}>;
fn packed(low: vec4f, high: vec4f) -> vec4u {
  return vec4u(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}${gated ? `\nalias T = vec4f;${activationFunctions(gated)}` : ""}`,
      body: `
${blocks.setup}
  let subgroupRow = subgroup / ${tileN / subgroupN}u * ${subgroupM}u;
  let subgroupColumn = subgroup % ${tileN / subgroupN}u * ${subgroupN}u;
  var depth = ${parts ? "group.z * p.partDepth" : "0u"};
${parts ? "  let lastDepth = min(p.k, depth + p.partDepth);" : ""}
${left.setup}
${right.setup}${low ? `\n${low.setup}` : ""}
${left.fetch}
${right.fetch}
${blocks.begin}
${each(rows, columns, (i, j) => `  var sum${i}_${j} = subgroup_matrix_result<f32, 16, 16>(0.0);`)}
${depthLoop({ tile, left, leftColumnMajor: transposeA, right, rightColumnMajor: transposeB, lastDepth, nextBlock: blocks.next, low })}
  let stash = subgroup * ${UNIT * pitch}u;
${list(
  rows,
  (i) => `${addend === "none" ? "" : `${fetchAddend(variant, i)}\n`}  workgroupBarrier();
${list(columns, (j) => `  subgroupMatrixStore<row_major>(&staged, stash + ${(j * UNIT) / 4}u, sum${i}_${j}, ${pitch}u);`)}
  workgroupBarrier();
${(gated ? storeGated : storeLines)(variant, i, pitch)}`,
)}
${blocks.end}`,
    };
  });
}

/**
 * Whether a workgroup computes one block after another, each a launch's number of workgroups after the last. With whole lines that pays
 * even where it is one block: what is fetched during the last step is the next block's start, and no step asks whether to fetch.
 */
export function takesTurns({ wholeLines, parts, lowRank }: Pick<ShapedVariant, "wholeLines" | "parts" | "lowRank">): boolean {
  return wholeLines === true && !parts && lowRank === undefined;
}
