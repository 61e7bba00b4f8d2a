import type { MatmulAttributes } from "@sft/kernels";
import { type Call, type Kernel, type Operand, shareOf } from "../kernel.ts";
import { matmul as reference } from "../ops/matmul.ts";
import { TILE_ROWS } from "../wasm/gemmTile.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { matrixAt, multiply, multiplyScratchBytes, operandAt } from "./multiply.ts";

/** Up to this many rows, a product with a transposed b is a row of dot products: b is read once and never packed. */
const FEW_ROWS = 3;
/** Threads share columns in units of a cache line, so that no two write the same one. */
const LINE_FLOATS = 16;

/** A float16 b, a frozen weight, is decoded block by block; other float16 operands go to the reference. */
export function fastMatmul(wasm: WasmFunctions): Kernel<MatmulAttributes> {
  return {
    ownBytes: ([, b]) => multiplyScratchBytes(b),
    phases: [
      (call) => {
        const [m, n] = call.outputs[0].shape;
        const { transposeA, transposeB } = call.attributes;
        const [a, b, addend] = call.inputs;
        const isHalf = (operand: Operand | undefined): boolean => operand?.data instanceof Uint16Array;
        if (isHalf(a) || isHalf(addend) || isHalf(call.outputs[0])) return reference.phases[0](call);
        if (transposeB && !transposeA && m <= FEW_ROWS && !isHalf(b)) return dotProducts(wasm, call);
        const k = a.shape[transposeA ? 0 : 1];
        const byColumns = n >= 2 * LINE_FLOATS * call.parts;
        const [firstRow, endRow] = byColumns ? [0, m] : sharedUnits(m, TILE_ROWS, call);
        const [firstColumn, endColumn] = byColumns ? sharedUnits(n, LINE_FLOATS, call) : [0, n];
        const left = matrixAt(a.address, a.shape[1], transposeA);
        const firstOfB = firstColumn * (transposeB ? b.shape[1] : 1);
        const corner = 4 * (firstRow * n + firstColumn);
        multiply(
          wasm,
          {
            m: endRow - firstRow,
            n: endColumn - firstColumn,
            k,
            alpha: call.attributes.alpha,
            a: { ...left, address: left.address + firstRow * left.row },
            b: operandAt(b, b.shape[1], transposeB, firstOfB),
            y: call.outputs[0].address + corner,
            yRow: 4 * n,
            source: addend ? addend.address + corner : 0,
            sourceRow: 4 * n,
          },
          call.ownAddress,
        );
      },
    ],
  };
}

/** This part's range of `count` items in whole units. */
function sharedUnits(count: number, unit: number, call: Call): readonly [number, number] {
  const [from, to] = shareOf(Math.ceil(count / unit), call);
  return [from * unit, Math.min(count, to * unit)];
}

function dotProducts(wasm: WasmFunctions, call: Call<MatmulAttributes>): void {
  const [a, b, addend] = call.inputs;
  const [y] = call.outputs;
  const [m, n] = y.shape;
  const k = a.shape[1];
  const { alpha } = call.attributes;
  const [from, to] = sharedUnits(n, LINE_FLOATS, call);
  for (let j = from; j < to; j++) {
    for (let i = 0; i < m; i++) {
      const product = alpha * wasm.dot(a.address + 4 * i * k, b.address + 4 * j * k, k);
      y.data[i * n + j] = product + (addend ? addend.data[i * n + j] : 0);
    }
  }
}
