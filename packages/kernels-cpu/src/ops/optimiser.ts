import { type AdamwAttributes, elementCount, encodeHalf } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";
import { clipFactor } from "./updates.ts";

/** Squares are summed in chunks of this many elements, then over the chunks: the same order for any number of threads. */
const CHUNK = 4096;

const chunksOf = (length: number): number => Math.ceil(length / CHUNK);

export const gradNorm: Kernel = {
  sharedDoubles: (inputs) => inputs.reduce((sum, input) => sum + chunksOf(elementCount(input.shape)), 0),
  phases: [
    (call) => {
      let firstChunk = 0;
      for (const { data } of call.inputs) {
        const chunks = chunksOf(data.length);
        const [from, to] = shareOf(chunks, call);
        for (let chunk = from; chunk < to; chunk++) {
          const end = Math.min(data.length, (chunk + 1) * CHUNK);
          let squares = 0;
          for (let i = chunk * CHUNK; i < end; i++) squares += data[i] * data[i];
          call.shared[firstChunk + chunk] = squares;
        }
        firstChunk += chunks;
      }
    },
    (call) => {
      if (call.part !== 0) return;
      const [norm] = call.outputs;
      const chunks = call.inputs.reduce((sum, { data }) => sum + chunksOf(data.length), 0);
      let squares = 0;
      for (let chunk = 0; chunk < chunks; chunk++) squares += call.shared[chunk];
      norm.data[0] = Math.sqrt(squares);
      norm.data[1] = Number.isFinite(norm.data[0]) ? 1 : 0;
    },
  ],
};

export const unscaleNorm: Kernel = {
  phases: [
    (call) => {
      if (call.part !== 0) return;
      const [norm, scale] = call.inputs;
      const [gate] = call.outputs;
      gate.data[0] = norm.data[0] / scale.data[0];
      gate.data[1] = norm.data[1];
      gate.data[2] = 1 / scale.data[0];
    },
  ],
};

export const adamw: Kernel<AdamwAttributes> = {
  phases: [
    (call) => {
      const [parameter, gradient, m, v, schedule, gate, copy] = call.inputs;
      const [newParameter, newM, newV, newCopy] = call.outputs;
      const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = call.attributes;
      const [learningRate, bias1, bias2] = schedule.data;
      const [from, to] = shareOf(parameter.data.length, call);
      const finite = gate.data[1] !== 0;
      const clip = clipFactor(gate, maxGradNorm);
      const decay = 1 - learningRate * weightDecay;
      const rootBias2 = Math.sqrt(bias2);
      for (let i = from; i < to; i++) {
        if (!finite) {
          newParameter.data[i] = parameter.data[i];
          newM.data[i] = m.data[i];
          newV.data[i] = v.data[i];
          if (newCopy) newCopy.data[i] = copy!.data[i];
          continue;
        }
        const g = gradient.data[i] * clip;
        const first = m.data[i] + (1 - beta1) * (g - m.data[i]);
        const second = beta2 * v.data[i] + (1 - beta2) * g * g;
        newParameter.data[i] = parameter.data[i] * decay - ((learningRate / bias1) * first) / (Math.sqrt(second) / rootBias2 + epsilon);
        newM.data[i] = first;
        newV.data[i] = second;
        if (newCopy) newCopy.data[i] = encodeHalf(newParameter.data[i]);
      }
    },
  ],
};
