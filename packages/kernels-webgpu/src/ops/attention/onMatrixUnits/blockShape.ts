import type { KernelLimits } from "../../../dispatch.ts";

/** Lanes of a subgroup on the devices whose matrix units are used, rows and columns of their matrices, subgroups of a workgroup. */
export const SUBGROUP_SIZE = 32;
export const UNIT = 16;
export const SUBGROUPS = 4;
export const THREADS: number = SUBGROUP_SIZE * SUBGROUPS;

/**
 * How a workgroup of four subgroups cuts up one head's scores. Each subgroup owns the scores of `subgroupRows` rows, which are
 * queries or keys, and walks along the other side `columns` at a time.
 */
export interface BlockShape {
  readonly headDim: number;
  /** 16 or 32. */
  readonly subgroupRows: number;
  /** Rows of a workgroup. */
  readonly rows: number;
  /** 32 or 64. */
  readonly columns: number;
  /** Lanes that share a row of scores, and how many columns of it each of them has. */
  readonly lanesPerRow: number;
  readonly laneColumns: number;
  /** vec4u from one row to the next of float16 operands and of float32 scores; one more than a row takes, against bank conflicts. */
  readonly operandPitch: number;
  readonly scorePitch: number;
}

export function blockShape(headDim: number, subgroupRows: 16 | 32, columns: 32 | 64): BlockShape {
  const lanesPerRow = SUBGROUP_SIZE / subgroupRows;
  return {
    headDim,
    subgroupRows,
    rows: SUBGROUPS * subgroupRows,
    columns,
    lanesPerRow,
    laneColumns: columns / lanesPerRow,
    operandPitch: headDim / 8 + 1,
    scorePitch: columns / 4 + 1,
  };
}

/** Head size up to which a subgroup's sums of 32 rows stay in registers. */
const SHORT_HEAD = 64;
/** Workgroups that keep a large GPU busy: two for each of an H100's 132 processors. */
const BUSY = 264;

/** Blocks of the forward pass and of the gradient by queries: measured on an H100, where 32 rows pay for the gradient alone. */
export function forwardShape(headDim: number): BlockShape {
  return blockShape(headDim, 16, 32);
}
export function queryGradShape(headDim: number): BlockShape {
  return blockShape(headDim, headDim <= SHORT_HEAD ? 32 : 16, 32);
}

/** Blocks of the gradient by keys; `keyRows` counts the rows of all key heads of all sequences. Few of them are cut finer, to keep the GPU busy. */
export function keyGradShape(headDim: number, keyRows: number): BlockShape {
  const large = blockShape(headDim, 32, 32);
  return headDim <= SHORT_HEAD && keyRows >= BUSY * large.rows ? large : blockShape(headDim, 16, 32);
}

/** Whether attention with this head size runs on matrix units: the device has them, and a head is whole matrices that fit its memory. */
export function suitsMatrixUnits(limits: KernelLimits, headDim: number): boolean {
  return limits.matrixUnits === true && headDim % UNIT === 0 && headDim <= 128 && limits.workgroupStorageBytes >= 49152;
}
