import { dropout, dropoutKeeps } from "../../ops/dropout.ts";
import { floats, integers, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { exactly, rounded } from "../tolerance.ts";

interface Options {
  readonly shape: readonly number[];
  readonly probability: number;
  readonly salt: number;
  readonly seed: number;
  readonly inPlace?: boolean;
}

function dropoutCase({ shape, probability, salt, seed, inPlace = false }: Options): ConformanceCase {
  // With probability 0 and 1/2 the factor is a power of two, so that mask and values must agree bit for bit.
  const powerOfTwo = probability === 0 || probability === 0.5;
  const tolerance = powerOfTwo
    ? exactly("the factor is a power of two and the mask an integer function")
    : rounded(3, "1 - p, its reciprocal and the product; the mask is an integer function");
  return opCase({
    name: `${shape.join("x")}, p ${probability}, salt ${salt}, seed ${seed}${inPlace ? ", over x" : ""}`,
    op: dropout,
    attributes: { probability, salt },
    inputs: [inPlace ? floats("x", shape) : trained("x", shape), integers("seed", [seed])],
    inPlace: inPlace ? [[0, 0]] : [],
    outputs: [tolerance],
    ...(inPlace ? {} : { gradients: tolerance }),
    oracle: (data) => [
      Float64Array.from(data.get("x")!, (x, index) => (dropoutKeeps(seed, salt, index, probability) ? x / (1 - probability) : 0)),
    ],
  });
}

export const dropoutCases: readonly ConformanceCase[] = [
  dropoutCase({ shape: [17, 65], probability: 0.5, salt: 0, seed: 1 }),
  dropoutCase({ shape: [3000], probability: 0.5, salt: 7, seed: -123_456_789 }),
  dropoutCase({ shape: [17, 65], probability: 0.1, salt: 3, seed: 2_147_483_647 }),
  dropoutCase({ shape: [65], probability: 0, salt: 1, seed: 5 }),
  dropoutCase({ shape: [17, 65], probability: 0.5, salt: 2, seed: 9, inPlace: true }),
];
