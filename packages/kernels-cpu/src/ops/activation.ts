import type { ActivationAttributes, ActivationKind } from "@sft/kernels";
import { erf } from "../erf.ts";
import { type Kernel, shareOf } from "../kernel.ts";

interface Curve {
  readonly value: (x: number) => number;
  readonly slope: (x: number) => number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const normalCdf = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));
const normalDensity = (x: number): number => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
const geluTanhInner = (x: number): number => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

const curves: Readonly<Record<ActivationKind, Curve>> = {
  silu: { value: (x) => x * sigmoid(x), slope: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))) },
  gelu: { value: (x) => x * normalCdf(x), slope: (x) => normalCdf(x) + x * normalDensity(x) },
  geluTanh: {
    value: (x) => 0.5 * x * (1 + Math.tanh(geluTanhInner(x))),
    slope: (x) => {
      const t = Math.tanh(geluTanhInner(x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    },
  },
  relu: { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
};

export const activation: Kernel<ActivationAttributes> = {
  phases: [
    (call) => {
      const [x] = call.inputs;
      const [y] = call.outputs;
      const { value } = curves[call.attributes.kind];
      const [from, to] = shareOf(y.data.length, call);
      for (let i = from; i < to; i++) y.data[i] = value(x.data[i]);
    },
  ],
};

export const activationGrad: Kernel<ActivationAttributes> = {
  phases: [
    (call) => {
      const [dy, x] = call.inputs;
      const [dx] = call.outputs;
      const { slope } = curves[call.attributes.kind];
      const [from, to] = shareOf(dx.data.length, call);
      for (let i = from; i < to; i++) dx.data[i] = dy.data[i] * slope(x.data[i]);
    },
  ],
};

export const gatedActivation: Kernel<ActivationAttributes> = {
  phases: [
    (call) => {
      const [gate, up] = call.inputs;
      const [y] = call.outputs;
      const { value } = curves[call.attributes.kind];
      const [from, to] = shareOf(y.data.length, call);
      for (let i = from; i < to; i++) y.data[i] = value(gate.data[i]) * up.data[i];
    },
  ],
};

export const gatedActivationGrad: Kernel<ActivationAttributes> = {
  phases: [
    (call) => {
      const [dy, gate, up] = call.inputs;
      const [dGate, dUp] = call.outputs;
      const { value, slope } = curves[call.attributes.kind];
      const [from, to] = shareOf(dGate.data.length, call);
      for (let i = from; i < to; i++) {
        dGate.data[i] = dy.data[i] * up.data[i] * slope(gate.data[i]);
        dUp.data[i] = dy.data[i] * value(gate.data[i]);
      }
    },
  ],
};
