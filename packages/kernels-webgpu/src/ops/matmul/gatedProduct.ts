import { byteLength, type ActivationKind } from "@sft/kernels";
import type { KernelLimits, OpCall, OpEmitter } from "../../dispatch.ts";
import type { Operand } from "../../operand.ts";
import { chooseMatrixUnitTile, matrixUnitTiles, type MatrixUnitTile } from "./matrixUnitTile.ts";
import { deservesOwnText, suitsMatrixUnits } from "./matrixUnits.ts";
import { nameProductClass, productClassOf } from "./productClass.ts";
import { shapedKernel } from "./shapedKernel.ts";
import { suitsWholeLines } from "./wholeLines.ts";

const OPERANDS = { transposeA: false, transposeB: true, a: "f16", b: "f16" } as const;

/**
 * gate[M,N] = alpha x G^T, up[M,N] = alpha x U^T and f(gate) * up in one launch, all in float16: inputs are x, G and U, attributes
 * alpha and the activation's kind. For calls that `gatedTile` has a tile for.
 */
export const gatedProduct: OpEmitter = (emitter, call) => {
  const [a, b, up] = call.inputs as [Operand, Operand, Operand];
  const [y, yUp, yGated] = call.outputs as [Operand, Operand, Operand];
  const [m, n] = y.shape as [number, number];
  const k = a.shape[1]!;
  const { alpha, kind } = attributesOf(call);
  const tile = gatedTile(emitter.limits, call)!;
  const wholeRows = m % tile.tileM === 0;
  const blocks = Math.ceil(m / tile.tileM) * (n / (tile.tileN / 2));
  emitter.dispatch(
    shapedKernel({
      ...OPERANDS,
      tile,
      aStride: k,
      bStride: k,
      n,
      wholeRows,
      parts: false,
      y: "f16",
      addend: "none",
      wholeLines: true,
      gated: kind,
    }),
    { a, b, up, y, yUp, yGated },
    { m, k, partDepth: k, alpha },
    [Math.min(blocks, emitter.limits.largeWorkgroupsAtOnce ?? emitter.limits.maxWorkgroupsPerDimension)],
  );
};

/** The tile of such a call: that of the product by G alone, if it is one that two subgroups share. Else the call must stay three. */
export function gatedTile(limits: KernelLimits, call: OpCall): MatrixUnitTile | undefined {
  const [a, b] = call.inputs as [Operand, Operand];
  const y = call.outputs[0]!;
  const [m, n] = y.shape as [number, number];
  const k = a.shape[1]!;
  const operands = { a, b, y };
  const half = [...call.inputs, ...call.outputs];
  if (!half.every((operand) => operand.dtype === "f16" && byteLength(operand) <= limits.maxBindingBytes)) return undefined;
  if (!suitsMatrixUnits(limits, operands, false, attributesOf(call).alpha)) return undefined;
  const tuned = limits.tiles?.get(nameProductClass(productClassOf(operands, false, true, true)));
  const { tile, depthParts } = chooseMatrixUnitTile(m, n, k, tuned === undefined ? undefined : matrixUnitTiles[tuned]);
  const paired = tile.tileN === 2 * tile.subgroupN && n % tile.subgroupN === 0 && suitsWholeLines({ ...OPERANDS, tile }, k);
  return paired && depthParts === 1 && deservesOwnText(tile, m, n, k) ? tile : undefined;
}

function attributesOf({ attributes }: OpCall): { readonly alpha: number; readonly kind: ActivationKind } {
  return attributes as unknown as { readonly alpha: number; readonly kind: ActivationKind };
}
