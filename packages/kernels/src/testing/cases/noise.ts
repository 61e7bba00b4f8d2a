import { addNoise, noiseAt } from "../../ops/noise.ts";
import { floats, integers, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { exactly, rounded, withFloor } from "../tolerance.ts";

const added = withFloor(rounded(2, "a product and a sum; the draw is an integer function"), 0.1);

function noiseCase(shape: readonly number[], amplitude: number, salt: number, seed: number, inPlace = false): ConformanceCase {
  return opCase({
    name: `${shape.join("x")}, amplitude ${amplitude}, salt ${salt}, seed ${seed}${inPlace ? ", over x" : ""}`,
    op: addNoise,
    attributes: { amplitude, salt },
    inputs: [inPlace ? floats("x", shape) : trained("x", shape), integers("seed", [seed])],
    inPlace: inPlace ? [[0, 0]] : [],
    outputs: [added],
    ...(inPlace ? {} : { gradients: exactly("the gradient is handed on") }),
    oracle: (data) => [Float64Array.from(data.get("x")!, (x, index) => x + amplitude * noiseAt(seed, salt, index))],
  });
}

export const noiseCases: readonly ConformanceCase[] = [
  noiseCase([17, 65], 0.5, 0, 1),
  noiseCase([3000], 0.03, 7, -123_456_789),
  noiseCase([4, 16], 2, 3, 2_147_483_647),
  noiseCase([17, 65], 0.5, 2, 9, true),
];
