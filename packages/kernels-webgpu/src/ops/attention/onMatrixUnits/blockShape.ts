import type { KernelLimits } from "../../../dispatch.ts";

/** Lanes of a subgroup on the devices whose matrix units are used, and rows and columns of their matrices. */
export const SUBGROUP_SIZE = 32;
export const UNIT = 16;

/**
 * How a workgroup cuts up one head's scores. Each subgroup owns the scores of `subgroupRows` rows, which are queries or keys, and
 * walks along the other side `columns` at a time.
 */
export interface BlockShape {
  readonly headDim: number;
  /** 16 or 32. */
  readonly subgroupRows: number;
  readonly subgroups: number;
  readonly threads: number;
  /** Rows of a workgroup. */
  readonly rows: number;
  /** 16 or 32. */
  readonly columns: number;
  /** Lanes that share a row of scores, and how many vec4s of it each of them has. */
  readonly lanesPerRow: number;
  readonly laneVectors: number;
  /** vec4u from one row to the next of float16 operands and of float32 scores; one more than a row takes, against bank conflicts. */
  readonly operandPitch: number;
  readonly scorePitch: number;
}

export function blockShape(headDim: number, subgroupRows: 16 | 32, columns: 16 | 32, subgroups: number): BlockShape {
  const lanesPerRow = SUBGROUP_SIZE / subgroupRows;
  return {
    headDim,
    subgroupRows,
    subgroups,
    threads: SUBGROUP_SIZE * subgroups,
    rows: subgroups * subgroupRows,
    columns,
    lanesPerRow,
    laneVectors: columns / lanesPerRow / 4,
    operandPitch: headDim / 8 + 1,
    scorePitch: columns / 4 + 1,
  };
}

/** Head size up to which a subgroup's sums of 32 rows stay in registers. */
const SHORT_HEAD = 64;

/**
 * Blocks as they were fastest on an H100. Its driver gives all workgroups of a processor 48 KiB of workgroup memory together, so
 * that small blocks, of which several find room, beat larger ones: more subgroups are there to hide each other's latency.
 */
export function queryShape(headDim: number): BlockShape {
  return headDim <= SHORT_HEAD ? blockShape(headDim, 32, 16, 2) : blockShape(headDim, 16, 16, 4);
}
export function keyShape(headDim: number): BlockShape {
  return blockShape(headDim, 16, 32, headDim <= SHORT_HEAD ? 4 : 8);
}

/** Whether attention with this head size runs on matrix units: the device has them, and a head is whole matrices that fit its memory. */
export function suitsMatrixUnits(limits: KernelLimits, headDim: number): boolean {
  return limits.matrixUnits === true && headDim % UNIT === 0 && headDim <= 128 && limits.workgroupStorageBytes >= 49152;
}
