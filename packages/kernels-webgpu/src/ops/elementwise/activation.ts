import type { ActivationKind } from "@sft/kernels";
import type { OpCall, OpEmitter } from "../../dispatch.ts";
import { activationFunctions } from "./activationFunctions.ts";
import { emitElementwise } from "./elementwiseKernel.ts";

function kindOf(call: OpCall): ActivationKind {
  return call.attributes["kind"] as ActivationKind;
}

/** y = f(x). */
export const activation: OpEmitter = (emitter, call) => {
  const {
    inputs: [x],
    outputs: [y],
  } = call;
  emitElementwise(
    emitter,
    {
      label: `activation ${kindOf(call)}`,
      inputs: ["x"],
      outputs: ["y"],
      declarations: activationFunctions(kindOf(call)),
      body: "  y[i] = f(x[i]);",
    },
    { x: x!, y: y! },
  );
};

/** dx = dy * f'(x); a second output is f(x) (`repeatInGradient`). */
export const activationGrad: OpEmitter = (emitter, call) => {
  const {
    inputs: [dy, x],
    outputs: [dx, y],
  } = call;
  emitElementwise(
    emitter,
    {
      label: `activationGrad ${kindOf(call)}${y ? " and activation" : ""}`,
      inputs: ["dy", "x"],
      outputs: ["dx", ...(y ? ["y"] : [])],
      declarations: activationFunctions(kindOf(call)),
      body: y
        ? `
  let d = dy[i];
  let v = x[i];
  dx[i] = d * df(v);
  y[i] = f(v);`
        : "  dx[i] = dy[i] * df(x[i]);",
    },
    { dy: dy!, x: x!, dx: dx!, ...(y ? { y } : {}) },
  );
};

/** y = f(gate) * up. */
export const gatedActivation: OpEmitter = (emitter, call) => {
  const {
    inputs: [gate, up],
    outputs: [y],
  } = call;
  emitElementwise(
    emitter,
    {
      label: `gatedActivation ${kindOf(call)}`,
      inputs: ["gate", "up"],
      outputs: ["y"],
      declarations: activationFunctions(kindOf(call)),
      body: "  y[i] = f(gate[i]) * up[i];",
    },
    { gate: gate!, up: up!, y: y! },
  );
};

/** dGate = dy * up * f'(gate), dUp = dy * f(gate); a third output is f(gate) * up (`repeatInGradient`). */
export const gatedActivationGrad: OpEmitter = (emitter, call) => {
  const {
    inputs: [dy, gate, up],
    outputs: [dGate, dUp, y],
  } = call;
  emitElementwise(
    emitter,
    {
      label: `gatedActivationGrad ${kindOf(call)}${y ? " and gatedActivation" : ""}`,
      inputs: ["dy", "gate", "up"],
      outputs: ["dGate", "dUp", ...(y ? ["y"] : [])],
      declarations: activationFunctions(kindOf(call)),
      body: `
  let g = gate[i];
  let d = dy[i];
  let u = up[i];
  dGate[i] = d * u * df(g);
  dUp[i] = d * f(g);${y ? "\n  y[i] = f(g) * u;" : ""}`,
    },
    { dy: dy!, gate: gate!, up: up!, dGate: dGate!, dUp: dUp!, ...(y ? { y } : {}) },
  );
};
