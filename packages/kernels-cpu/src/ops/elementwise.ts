import type { FillAttributes, ScaleAttributes, SoftcapAttributes } from "@sft/kernels";
import { type Call, type Kernel, shareOf } from "../kernel.ts";

/** Elements of the first output that fall to this part. */
function elements(call: Call): readonly [number, number] {
  return shareOf(call.outputs[0].data.length, call);
}

export const add: Kernel = {
  phases: [
    (call) => {
      const [a, b] = call.inputs;
      const [y] = call.outputs;
      const [from, to] = elements(call);
      for (let i = from; i < to; i++) y.data[i] = a.data[i] + b.data[i];
    },
  ],
};

export const multiply: Kernel = {
  phases: [
    (call) => {
      const [a, b] = call.inputs;
      const [y] = call.outputs;
      const [from, to] = elements(call);
      for (let i = from; i < to; i++) y.data[i] = a.data[i] * b.data[i];
    },
  ],
};

export const scale: Kernel<ScaleAttributes> = {
  phases: [
    (call) => {
      const [x] = call.inputs;
      const [y] = call.outputs;
      const { factor } = call.attributes;
      const [from, to] = elements(call);
      for (let i = from; i < to; i++) y.data[i] = factor * x.data[i];
    },
  ],
};

export const copy: Kernel = {
  phases: [
    (call) => {
      const [from, to] = elements(call);
      call.outputs[0].data.set(call.inputs[0].data.subarray(from, to), from);
    },
  ],
};

/** Row-major elements keep their order under a new shape. */
export const reshape: Kernel = copy as Kernel;

export const fill: Kernel<FillAttributes> = {
  phases: [
    (call) => {
      const [from, to] = elements(call);
      call.outputs[0].data.fill(call.attributes.value, from, to);
    },
  ],
};

export const zero: Kernel = {
  phases: [
    (call) => {
      const [from, to] = elements(call);
      call.outputs[0].data.fill(0, from, to);
    },
  ],
};

export const divide: Kernel = {
  phases: [
    (call) => {
      const [a, b] = call.inputs;
      const [y] = call.outputs;
      const [from, to] = elements(call);
      for (let i = from; i < to; i++) y.data[i] = a.data[i] / b.data[i];
    },
  ],
};

export const softcap: Kernel<SoftcapAttributes> = {
  phases: [
    (call) => {
      const [x] = call.inputs;
      const [y] = call.outputs;
      const { cap } = call.attributes;
      const [from, to] = elements(call);
      for (let i = from; i < to; i++) y.data[i] = cap * Math.tanh(x.data[i] / cap);
    },
  ],
};
