import { type AdamwAttributes, dynamicCode, nearestCode, STATE_BLOCK } from "@sft/kernels";
import { type Kernel, type Operand, shareOf } from "../kernel.ts";
import { clipFactor } from "./updates.ts";

const signed = dynamicCode(true);
const unsigned = dynamicCode(false);

/** Each thread owns whole blocks, and with them whole words of codes. */
export const adamw8bit: Kernel<AdamwAttributes> = {
  phases: [
    (call) => {
      const [parameter, gradient, m, v, mScale, vScale, schedule, gate] = call.inputs;
      const [newParameter, newM, newV, newMScale, newVScale] = call.outputs;
      const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = call.attributes;
      const [learningRate, bias1, bias2] = schedule.data;
      const clip = clipFactor(gate, maxGradNorm);
      const decay = 1 - learningRate * weightDecay;
      const rootBias2 = Math.sqrt(bias2);
      const [first, second] = [new Float64Array(STATE_BLOCK), new Float64Array(STATE_BLOCK)];
      const elements = parameter.data.length;
      const [from, to] = shareOf(Math.ceil(elements / STATE_BLOCK), call);
      for (let block = from; block < to; block++) {
        const start = block * STATE_BLOCK;
        const count = Math.min(STATE_BLOCK, elements - start);
        if (gate.data[1] === 0) {
          newParameter.data.set(parameter.data.subarray(start, start + count), start);
          const words = [start / 4, Math.ceil((start + count) / 4)] as const;
          newM.data.set(m.data.subarray(...words), words[0]);
          newV.data.set(v.data.subarray(...words), words[0]);
          newMScale.data[block] = mScale.data[block];
          newVScale.data[block] = vScale.data[block];
          continue;
        }
        for (let i = 0; i < count; i++) {
          const at = start + i;
          const g = gradient.data[at] * clip;
          first[i] = beta1 * signed[codeAt(m, at)] * mScale.data[block] + (1 - beta1) * g;
          second[i] = beta2 * unsigned[codeAt(v, at)] * vScale.data[block] + (1 - beta2) * g * g;
          newParameter.data[at] =
            parameter.data[at] * decay - ((learningRate / bias1) * first[i]) / (Math.sqrt(second[i]) / rootBias2 + epsilon);
        }
        packBlock(newM, newMScale, block, first.subarray(0, count), signed);
        packBlock(newV, newVScale, block, second.subarray(0, count), unsigned);
      }
    },
  ],
};

function codeAt(words: Operand, index: number): number {
  return (words.data[index >> 2] >>> (8 * (index & 3))) & 0xff;
}

function packBlock(words: Operand, scales: Operand, block: number, values: Float64Array, code: Float32Array): void {
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  scales.data[block] = scale;
  for (let i = 0; i < values.length; i += 4) {
    let word = 0;
    for (let byte = 0; byte < 4 && i + byte < values.length; byte++) {
      word |= nearestCode(code, scale === 0 ? 0 : values[i + byte]! / scale) << (8 * byte);
    }
    words.data[(block * STATE_BLOCK + i) / 4] = word;
  }
}
