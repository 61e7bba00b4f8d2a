import type { ActivationAttributes, ActivationKind, ScaleAttributes } from "@sft/kernels";
import { type Call, type Kernel, type Operand, shareOf } from "../kernel.ts";
import { activation, activationGrad, gatedActivation, gatedActivationGrad } from "../ops/activation.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";

/** Ranges start on a cache line; the last may end anywhere, and a kernel computes up to three elements behind it. */
const LINE_FLOATS = 16;

/** Runs a kernel over flat ranges, given the operands' addresses at the range's start (inputs, then outputs) and its length. */
function overRanges(call: Call, compute: (addresses: readonly number[], count: number) => void): void {
  const total = call.outputs[0].data.length;
  const [from, to] = shareOf(Math.ceil(total / LINE_FLOATS), call);
  const count = Math.min(total, to * LINE_FLOATS) - from * LINE_FLOATS;
  if (count <= 0) return;
  const addressesOf = (operands: readonly Operand[]): number[] => operands.map(({ address }) => address + from * LINE_FLOATS * 4);
  const [inputs, outputs] = [addressesOf(call.inputs), addressesOf(call.outputs)];
  // What lies behind a tensor that is a part of another belongs to that one: it is put back.
  const behind = outputs.map((address) => new Float32Array(call.outputs[0].data.buffer, address + 4 * count, (4 - (count % 4)) % 4));
  const before = behind.map((elements) => elements.slice());
  compute([...inputs, ...outputs], count);
  behind.forEach((elements, index) => elements.set(before[index]));
}

export function fastElementwise(wasm: WasmFunctions): Readonly<Record<string, Kernel>> {
  const add: Kernel = { phases: [(call) => overRanges(call, ([a, b, y], n) => wasm.addVectors(a, b, y, n))] };
  const multiply: Kernel = { phases: [(call) => overRanges(call, ([a, b, y], n) => wasm.multiplyVectors(a, b, y, n))] };
  const scale: Kernel<ScaleAttributes> = {
    phases: [(call) => overRanges(call, ([x, y], n) => wasm.scaleVectors(x, y, n, call.attributes.factor))],
  };
  return { add, multiply, scale: scale as unknown as Kernel };
}

/** The exact gelu stays with the reference, which has the error function. */
type FastKind = Exclude<ActivationKind, "gelu">;

export function fastActivations(wasm: WasmFunctions): Readonly<Record<string, Kernel>> {
  const withGelu = (
    reference: Kernel<ActivationAttributes>,
    compute: (kind: FastKind, addresses: readonly number[], n: number) => void,
  ): Kernel => ({
    phases: [
      (call) => {
        const { kind } = call.attributes as unknown as ActivationAttributes;
        if (kind === "gelu") reference.phases[0](call as unknown as Call<ActivationAttributes>);
        else overRanges(call, (addresses, n) => compute(kind, addresses, n));
      },
    ],
  });
  return {
    activation: withGelu(activation, (kind, [x, y], n) => wasm[kind](x, y, n)),
    activationGrad: withGelu(activationGrad, (kind, [dy, x, dx], n) => wasm[`${kind}Grad`](dy, x, dx, n)),
    gatedActivation: withGelu(gatedActivation, (kind, [gate, up, y], n) => wasm[`${kind}Gate`](gate, up, y, n)),
    gatedActivationGrad: withGelu(gatedActivationGrad, (kind, [dy, gate, up, dGate, dUp], n) =>
      wasm[`${kind}GateGrad`](dy, gate, up, dGate, dUp, n),
    ),
  };
}
