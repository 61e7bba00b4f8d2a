import { cast } from "../../ops/cast.ts";
import { floats, halves, opCase, type CaseTensor, type ConformanceCase } from "../conformanceCase.ts";
import { exactly, type Tolerance } from "../tolerance.ts";

function castCase(from: CaseTensor, dtype: "f32" | "f16", tolerance: Tolerance): ConformanceCase {
  return opCase({
    name: `${from.dtype}[${from.shape.join(", ")}] to ${dtype}`,
    op: cast,
    attributes: { dtype },
    inputs: [from],
    outputs: [tolerance],
    oracle: (data) => [Float64Array.from(data.get("x")!)],
  });
}

/** Of a value in float16's normal range: 10 fraction bits, half of the last. */
const roundedToHalf: Tolerance = { relativeL2: 2 ** -11, floor: 0, reason: "one rounding to float16" };

export const castCases: readonly ConformanceCase[] = [[1], [17, 3], [65, 8]].flatMap((shape) => [
  castCase(floats("x", shape, 100), "f16", roundedToHalf),
  castCase(halves("x", shape), "f32", exactly("float16 widens exactly")),
]);
