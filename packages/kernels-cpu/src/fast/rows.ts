import type { RmsNormAttributes, RopeAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";
import { rmsNorm, rmsNormGrad } from "../ops/rmsNorm.ts";
import { rope } from "../ops/rope.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";

/** Widths that are no multiple of four go to the reference. */
const isVector = (width: number): boolean => width % 4 === 0;

export function fastRmsNorm(wasm: WasmFunctions): Kernel<RmsNormAttributes> {
  return {
    phases: [
      (call) => {
        const [x, weight] = call.inputs;
        const [y, rstd] = call.outputs;
        const width = weight.data.length;
        if (!isVector(width)) return rmsNorm.phases[0](call);
        const [from, to] = shareOf(rstd.data.length, call);
        const start = 4 * from * width;
        wasm.rmsNormRows(
          x.address + start,
          weight.address,
          y.address + start,
          rstd.address + 4 * from,
          to - from,
          width,
          call.attributes.epsilon,
          call.attributes.weightOffset,
        );
      },
    ],
  };
}

export function fastRmsNormGrad(wasm: WasmFunctions): Kernel<RmsNormAttributes> {
  return {
    phases: [
      (call) => {
        const [dy, x, weight, rstd] = call.inputs;
        const [dx] = call.outputs;
        const width = weight.data.length;
        if (!isVector(width)) return rmsNormGrad.phases[0](call);
        const [from, to] = shareOf(rstd.data.length, call);
        const start = 4 * from * width;
        wasm.rmsNormGradRows(
          dy.address + start,
          x.address + start,
          weight.address,
          rstd.address + 4 * from,
          dx.address + start,
          to - from,
          width,
          call.attributes.weightOffset,
        );
      },
    ],
  };
}

export function fastRope(wasm: WasmFunctions): Kernel<RopeAttributes> {
  return {
    phases: [
      (call) => {
        const [x, positions, cos, sin] = call.inputs;
        const [y] = call.outputs;
        const { headDim, rotaryDim, inverse } = call.attributes;
        if (rotaryDim !== headDim || !isVector(headDim / 2)) return rope.phases[0](call);
        const [rows, width] = x.shape;
        const [from, to] = shareOf(rows, call);
        for (let row = from; row < to; row++) {
          const angles = 2 * positions.data[row] * headDim;
          wasm.ropeRow(
            x.address + 4 * row * width,
            y.address + 4 * row * width,
            cos.address + angles,
            sin.address + angles,
            width / headDim,
            headDim / 2,
            inverse ? -1 : 1,
          );
        }
      },
    ],
  };
}
