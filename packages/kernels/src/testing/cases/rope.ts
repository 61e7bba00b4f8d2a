import { rope } from "../../ops/rope.ts";
import { constants, integers, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { rounded } from "../tolerance.ts";

const POSITIONS = 40;
const tolerance = rounded(3, "two products and a sum, the tables being the same float32 numbers everywhere");

interface Options {
  readonly rows: number;
  readonly heads: number;
  readonly headDim: number;
  readonly rotaryDim: number;
  readonly inverse?: boolean;
}

function ropeCase({ rows, heads, headDim, rotaryDim, inverse = false }: Options): ConformanceCase {
  const half = rotaryDim / 2;
  const angles = Array.from({ length: POSITIONS * half }, (_, index) => Math.floor(index / half) * 10_000 ** (-(index % half) / half));
  return opCase({
    name: `${rows} rows, ${heads} heads of ${headDim}, ${rotaryDim} rotating${inverse ? ", inverse" : ""}`,
    op: rope,
    attributes: { headDim, rotaryDim, inverse },
    inputs: [
      trained("x", [rows, heads * headDim]),
      integers("positions", { length: rows, from: 0, to: POSITIONS }),
      constants("cos", [POSITIONS, half], angles.map(Math.cos)),
      constants("sin", [POSITIONS, half], angles.map(Math.sin)),
    ],
    outputs: [tolerance],
    gradients: tolerance,
    oracle(data) {
      const [x, positions, cos, sin] = ["x", "positions", "cos", "sin"].map((name) => data.get(name)!);
      return [
        Float64Array.from(x!, (value, index) => {
          const within = index % headDim;
          if (within >= rotaryDim) return value;
          const entry = positions![Math.floor(index / (heads * headDim))]! * half + (within % half);
          const sine = inverse ? -sin![entry]! : sin![entry]!;
          return within < half ? value * cos![entry]! - x![index + half]! * sine : value * cos![entry]! + x![index - half]! * sine;
        }),
      ];
    },
  });
}

export const ropeCases: readonly ConformanceCase[] = [
  ropeCase({ rows: 1, heads: 1, headDim: 2, rotaryDim: 2 }),
  ropeCase({ rows: 17, heads: 3, headDim: 8, rotaryDim: 8 }),
  ropeCase({ rows: 17, heads: 3, headDim: 8, rotaryDim: 8, inverse: true }),
  ropeCase({ rows: 3, heads: 2, headDim: 16, rotaryDim: 4 }),
  ropeCase({ rows: 65, heads: 1, headDim: 64, rotaryDim: 64 }),
  ropeCase({ rows: 5, heads: 2, headDim: 80, rotaryDim: 32, inverse: true }),
];
