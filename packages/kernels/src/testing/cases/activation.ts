import { activation, activationGrad, gatedActivation, type ActivationKind } from "../../ops/activation.ts";
import { floats, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { rounded, withFloor } from "../tolerance.ts";

const kinds: readonly ActivationKind[] = ["silu", "gelu", "geluTanh", "relu"];
/** Left of 0 the functions and their derivatives are small rests of terms of size 1, as 1 + tanh is near -1. */
const tolerance = withFloor(
  rounded(48, "an exponential, tanh or erf good to a few units in the last place of float32, and the products around it"),
  0.1,
);

/** Values up to 4 in magnitude, where each function bends. */
const spread = 4;

export const activationCases: readonly ConformanceCase[] = kinds.flatMap((kind) => [
  ...[[1], [17, 65], [5, 3, 7]].map((shape) =>
    opCase({
      name: `${kind} ${shape.join("x")}`,
      op: activation,
      attributes: { kind },
      inputs: [trained("x", shape, spread)],
      outputs: [tolerance],
      gradients: tolerance,
    }),
  ),
  // Far out the functions are x or 0; an exponential there overflows or underflows.
  opCase({
    name: `${kind} of large values`,
    op: activation,
    attributes: { kind },
    inputs: [trained("x", [3, 65], 200)],
    outputs: [tolerance],
    gradients: tolerance,
  }),
  opCase({
    name: `${kind} over x`,
    op: activation,
    attributes: { kind },
    inputs: [floats("x", [17, 65], spread)],
    inPlace: [[0, 0]],
    outputs: [tolerance],
  }),
  ...(["dy", "x"] as const).map((over, index) =>
    opCase({
      name: `${kind} over ${over}`,
      op: activationGrad,
      attributes: { kind },
      inputs: [floats("dy", [17, 65]), floats("x", [17, 65], spread)],
      inPlace: [[0, index]],
      outputs: [tolerance],
    }),
  ),
  ...[[3], [17, 65]].map((shape) =>
    opCase({
      name: `${kind} ${shape.join("x")}`,
      op: gatedActivation,
      attributes: { kind },
      inputs: [trained("gate", shape, spread), trained("up", shape)],
      outputs: [tolerance],
      gradients: tolerance,
    }),
  ),
  opCase({
    name: `${kind} over gate`,
    op: gatedActivation,
    attributes: { kind },
    inputs: [floats("gate", [17, 65], spread), floats("up", [17, 65])],
    inPlace: [[0, 0]],
    outputs: [tolerance],
  }),
  opCase({
    name: `${kind} over up`,
    op: gatedActivation,
    attributes: { kind },
    inputs: [floats("gate", [17, 65], spread), floats("up", [17, 65])],
    inPlace: [[0, 1]],
    outputs: [tolerance],
  }),
]);
