import { layerNorm, rmsNorm } from "../../ops/normalisation.ts";
import { floats, opCase, trained, type CaseTensor, type ConformanceCase } from "../conformanceCase.ts";
import { summed, withFloor, type Tolerance } from "../tolerance.ts";

/** Rows, groups a row, width of a group. */
type Size = readonly [rows: number, groups: number, width: number];

const normalised = (width: number): Tolerance => summed(width, 16, "sums over H, a square root, a division and a few products");
/** dx is the rest of a cancellation, all of it when H is small; terms are about as large as dy. */
const gradient = ([rows, groups, width]: Size): Tolerance =>
  withFloor(summed(Math.max(width, rows * groups), 48, "two sums over H for dx, a sum over the groups for dWeight"), 0.1);

/** Which gradients are asked for: both may come from one kernel, one alone from another. */
type By = "both" | "x" | "weight";
const by = (asked: By, tensor: "x" | "weight"): typeof trained => (asked === "both" || asked === tensor ? trained : floats);
const byName = (asked: By): string => (asked === "both" ? "" : `, gradient by ${asked} alone`);

const sizeName = ([rows, groups, width]: Size): string => `${rows} rows of ${groups}x${width}`;

function rmsNormCase(size: Size, epsilon: number, weightOffset: number, asked: By = "both"): ConformanceCase {
  const [rows, groups, width] = size;
  return opCase({
    name: `${sizeName(size)}${weightOffset ? `, weight + ${weightOffset}` : ""}${byName(asked)}`,
    op: rmsNorm,
    attributes: { epsilon, weightOffset },
    inputs: [by(asked, "x")("x", [rows, groups * width]), by(asked, "weight")("weight", [width])],
    outputs: [normalised(width), normalised(width)],
    gradients: gradient(size),
    oracle(data) {
      const x = data.get("x")!;
      const weight = data.get("weight")!;
      const rstd = Float64Array.from({ length: rows * groups }, (_, group) => {
        let squares = 0;
        for (let column = 0; column < width; column++) squares += x[group * width + column]! ** 2;
        return 1 / Math.sqrt(squares / width + epsilon);
      });
      return [
        Float64Array.from(x, (value, index) => value * rstd[Math.floor(index / width)]! * (weight[index % width]! + weightOffset)),
        rstd,
      ];
    },
  });
}

function layerNormCase(size: Size, x: CaseTensor, tolerance: Tolerance, name = "", asked: By = "both"): ConformanceCase {
  const [rows, groups, width] = size;
  return opCase({
    name: `${sizeName(size)}${name}${byName(asked)}`,
    op: layerNorm,
    attributes: { epsilon: 1e-5 },
    inputs: [x, by(asked, "weight")("weight", [width]), by(asked, "weight")("bias", [width])],
    // The mean may be the small rest of terms of size 1.
    outputs: [tolerance, withFloor(normalised(width), 0.1), tolerance],
    gradients: withFloor({ ...gradient(size), relativeL2: gradient(size).relativeL2 + tolerance.relativeL2 }, 0.1),
    oracle(data) {
      const values = data.get("x")!;
      const count = rows * groups;
      const mean = new Float64Array(count);
      const rstd = new Float64Array(count);
      for (let group = 0; group < count; group++) {
        for (let column = 0; column < width; column++) mean[group]! += values[group * width + column]! / width;
        let variance = 0;
        for (let column = 0; column < width; column++) variance += (values[group * width + column]! - mean[group]!) ** 2 / width;
        rstd[group] = 1 / Math.sqrt(variance + 1e-5);
      }
      const y = Float64Array.from(values, (value, index) => {
        const group = Math.floor(index / width);
        return (value - mean[group]!) * rstd[group]! * data.get("weight")![index % width]! + data.get("bias")![index % width]!;
      });
      return [y, mean, rstd];
    },
  });
}

/** Values around 100 that differ by about 1: a variance taken as mean of squares minus square of the mean loses them. */
function farFromZero(shape: readonly number[]): CaseTensor {
  const near = trained("x", shape);
  return { ...near, values: (random) => (near.values(random) as Float64Array).map((value) => Math.fround(100 + value)) };
}

const meanTakenOff = (width: number): Tolerance => summed(width, 32, "sums over H; the mean is taken off values of its own size");

const sizes: readonly Size[] = [
  [3, 1, 17],
  [17, 1, 3],
  [1, 1, 65],
  [65, 1, 130],
  [5, 3, 8],
  [2, 4, 64],
  [3, 1, 1025],
];

export const normalisationCases: readonly ConformanceCase[] = [
  rmsNormCase([3, 1, 1], 1e-5, 0),
  ...sizes.map((size) => rmsNormCase(size, 1e-5, 0)),
  // More rows than a GPU's grid is wide: a long batch normalised by heads.
  rmsNormCase([70_001, 1, 3], 1e-5, 0),
  rmsNormCase([5, 1, 65], 1e-6, 1),
  rmsNormCase([5, 3, 16], 0.5, 1),
  // More rows than there are blocks of the least.
  rmsNormCase([4_111, 1, 12], 1e-5, 0),
  ...(["x", "weight"] as const).flatMap((asked) => [
    rmsNormCase([65, 1, 130], 1e-5, 1, asked),
    rmsNormCase([3, 1, 1025], 1e-5, 0, asked),
    rmsNormCase([5, 3, 8], 1e-5, 0, asked),
  ]),
  ...sizes.map((size) => layerNormCase(size, trained("x", [size[0], size[1] * size[2]]), meanTakenOff(size[2]))),
  layerNormCase([4_111, 1, 12], trained("x", [4_111, 12]), meanTakenOff(12)),
  ...(["x", "weight"] as const).flatMap((asked) => [
    layerNormCase([65, 1, 130], by(asked, "x")("x", [65, 130]), meanTakenOff(130), "", asked),
    layerNormCase([5, 3, 8], by(asked, "x")("x", [5, 24]), meanTakenOff(8), "", asked),
  ]),
  layerNormCase(
    [5, 1, 65],
    farFromZero([5, 65]),
    // x - mean is about 200 times smaller than what the mean's roundings are relative to.
    { ...normalised(65), relativeL2: 200 * normalised(65).relativeL2 },
    ", mean 100",
  ),
];
