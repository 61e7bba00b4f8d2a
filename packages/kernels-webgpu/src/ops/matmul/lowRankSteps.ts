import type { BindingType, ParameterType } from "../../kernel.ts";
import { SUBGROUP_SIZE, subgroupsOf, type MatrixUnitTile } from "./matrixUnitTile.ts";
import { list, multiplications } from "./multiplications.ts";
import { stagedBlock } from "./stagedBlock.ts";

/** A second pair of operands whose product is added to the same sums: thin (m, rank) times wide (rank, n), or (n, rank) transposed. */
export interface LowRankPair {
  /** A multiple of 8, so that rows of it are whole 16 bytes. */
  readonly rank: number;
  readonly transposeWide: boolean;
  /** Element type of thin; wide is float32, multiplied with the factor before it is rounded to float16. */
  readonly thin: "f32" | "f16";
}

/** WGSL of a low-rank pair as further steps of a product's depth. */
export interface LowRankSteps {
  /** vec4u of workgroup memory. */
  readonly size: number;
  readonly bindings: Readonly<Record<string, BindingType>>;
  readonly parameters: Readonly<Record<string, ParameterType>>;
  /** Where a thread starts; expects `depth` to be 0. */
  readonly setup: string;
  /** Fetches the first step's blocks. */
  readonly fetch: string;
  /** Stages, and adds to the sums; expects that no subgroup reads staged memory any more. */
  readonly steps: string;
}

/** Ranks up to 16 are one step of 16, others steps of 32; what they lack is staged as zeros. */
export function lowRankSteps(pair: LowRankPair, tile: MatrixUnitTile, n: number): LowRankSteps {
  const { rank, transposeWide, thin } = pair;
  const depth = rank <= 16 ? 16 : 32;
  const common = { depth, available: rank, threads: SUBGROUP_SIZE * subgroupsOf(tile) };
  const left = stagedBlock({
    ...common,
    name: "thin",
    side: "rows",
    type: thin,
    extent: tile.tileM,
    depthIsContiguous: true,
    stride: rank,
    subgroupExtent: tile.subgroupM,
    offset: 0,
  });
  const right = stagedBlock({
    ...common,
    name: "wide",
    side: "columns",
    type: "f32",
    factor: "p.lowRankFactor",
    extent: tile.tileN,
    depthIsContiguous: transposeWide,
    stride: transposeWide ? rank : n,
    subgroupExtent: tile.subgroupN,
    offset: left.size,
  });
  const fetch = `${left.fetch}\n${right.fetch}`;
  const count = Math.ceil(rank / depth);
  return {
    size: left.size + right.size,
    bindings: { thin: thin === "f32" ? "read vec4f" : "read vec4u", wide: "read vec4f" },
    parameters: { lowRankFactor: "f32" },
    setup: `${left.setup}\n${right.setup}`,
    fetch: `      depth = 0u;\n${fetch}`,
    steps: list(
      count,
      (step) => `  workgroupBarrier();
${left.store}
${right.store}
  workgroupBarrier();
${step + 1 < count ? `  depth += ${depth}u;\n${fetch}\n` : ""}${multiplications(tile, depth, left, false, right, transposeWide)}`,
    ),
  };
}
