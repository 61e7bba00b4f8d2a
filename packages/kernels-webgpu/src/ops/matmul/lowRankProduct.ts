import { bytesPerElement, elementCount, type OpDefinition } from "@sft/kernels";
import type { KernelLimits, OpCall, OpEmitter } from "../../dispatch.ts";
import type { Operand } from "../../operand.ts";
import { chooseMatrixUnitTile, matrixUnitTiles, type MatrixUnitTile } from "./matrixUnitTile.ts";
import { deservesOwnText, suitsMatrixUnits } from "./matrixUnits.ts";
import { nameProductClass, productClassOf } from "./productClass.ts";
import { shapedKernel } from "./shapedKernel.ts";
import { suitsWholeLines } from "./wholeLines.ts";
import { isShortDepth } from "./shortDepth.ts";

/** The op, which this backend's own pass writes; planning memory must know that y takes over what it is added to. */
export const lowRankDefinition: OpDefinition = {
  name: "lowRankProduct",
  infer: ([a, b], { transposeB }) => [{ shape: [a!.shape[0]!, b!.shape[transposeB === true ? 0 : 1]!], dtype: "f32" }],
  mayAlias: [[0, 4]],
};

/** Two steps of a depth of 32. */
const HIGHEST_RANK = 64;
/** Between its factor and 1 / factor the wide operand's scale stays inside float16's range. */
const LARGEST_FACTOR = 64;
/** Blocks that give every multiprocessor of a large GPU one; a depth is not split then. */
const BLOCKS_ENOUGH = 132;

/**
 * y[M,N] = alpha a op(b) + lowRankAlpha thin op(wide) + addend in one launch: inputs are a, b, thin, wide and the addend, if there is
 * one; attributes are transposeB, alpha, transposeWide and lowRankAlpha. For calls that `lowRankTile` has a tile for.
 */
export const lowRankProduct: OpEmitter = (emitter, call) => {
  const [a, b, thin, wide, addend] = call.inputs as [Operand, Operand, Operand, Operand, Operand | undefined];
  const y = call.outputs[0]!;
  const [m, n] = y.shape as [number, number];
  const k = a.shape[1]!;
  const { transposeB, transposeWide, alpha, lowRankAlpha } = attributesOf(call);
  const tile = lowRankTile(emitter.limits, call)!;
  const separate = addend !== undefined && addend.storage !== y.storage;
  const product = { tile, transposeA: false, transposeB, a: elementOf(a), b: elementOf(b) };
  emitter.dispatch(
    shapedKernel({
      ...product,
      aStride: k,
      bStride: b.shape[1]!,
      n,
      wholeRows: m % tile.tileM === 0,
      parts: false,
      y: elementOf(y),
      addend: separate ? "separate" : addend === undefined ? "none" : "inPlace",
      wholeLines: suitsWholeLines(product, k),
      lowRank: { rank: thin.shape[1]!, transposeWide, thin: elementOf(thin) },
    }),
    { a, b, thin, wide, y, ...(separate ? { addend } : {}) },
    { m, k, partDepth: k, alpha, lowRankFactor: lowRankAlpha / alpha },
    [Math.ceil(n / tile.tileN), Math.ceil(m / tile.tileM)],
  );
};

/** The tile of a product with a low-rank pair; undefined where it has no kernel and must stay two products. */
export function lowRankTile(limits: KernelLimits, call: OpCall): MatrixUnitTile | undefined {
  const [a, b, thin, wide, addend] = call.inputs as [Operand, Operand, Operand, Operand, Operand | undefined];
  const y = call.outputs[0]!;
  const { transposeB, alpha, lowRankAlpha } = attributesOf(call);
  const [m, n] = y.shape as [number, number];
  const [k, rank] = [a.shape[1]!, thin.shape[1]!];
  const operands = { a, b, y };
  const fits = [...call.inputs, y].every(
    (operand) => elementCount(operand.shape) * bytesPerElement(operand.dtype) <= limits.maxBindingBytes,
  );
  const factor = Math.abs(lowRankAlpha / alpha);
  if (!fits || !suitsMatrixUnits(limits, operands, false, alpha) || isShortDepth(operands, false, transposeB)) return undefined;
  if (rank % 8 !== 0 || rank > HIGHEST_RANK || !(factor <= LARGEST_FACTOR && factor >= 1 / LARGEST_FACTOR)) return undefined;
  if (wide.dtype !== "f32" || (addend !== undefined && addend.dtype !== y.dtype)) return undefined;
  const tuned = limits.tiles?.get(nameProductClass(productClassOf(operands, false, transposeB, true)));
  const { tile, depthParts } = chooseMatrixUnitTile(m, n, k, tuned === undefined ? undefined : matrixUnitTiles[tuned]);
  const blocks = Math.ceil(m / tile.tileM) * Math.ceil(n / tile.tileN);
  return deservesOwnText(tile, m, n, k) && (depthParts === 1 || blocks >= BLOCKS_ENOUGH) ? tile : undefined;
}

interface LowRankAttributes {
  readonly transposeB: boolean;
  readonly transposeWide: boolean;
  readonly alpha: number;
  readonly lowRankAlpha: number;
}

function attributesOf({ attributes }: OpCall): LowRankAttributes {
  return attributes as unknown as LowRankAttributes;
}

function elementOf({ dtype }: Operand): "f32" | "f16" {
  return dtype === "f16" ? "f16" : "f32";
}
