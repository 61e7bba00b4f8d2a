import { addBias, columnSum } from "../../ops/bias.ts";
import { floats, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { rounded, summed } from "../tolerance.ts";

const sizes = [
  [1, 1],
  [3, 17],
  [65, 3],
  [17, 65],
  [130, 67],
] as const;
const once = rounded(1, "one rounded operation an element");

export const biasCases: readonly ConformanceCase[] = [
  ...sizes.flatMap(([rows, columns]) => [
    opCase({
      name: `${rows}x${columns}`,
      op: addBias,
      attributes: {},
      inputs: [trained("x", [rows, columns]), trained("bias", [columns])],
      outputs: [once],
      gradients: summed(rows, 1, "the bias gradient sums N terms"),
      oracle: (data) => [Float64Array.from(data.get("x")!, (x, index) => x + data.get("bias")![index % columns]!)],
    }),
    opCase({
      name: `${rows}x${columns}`,
      op: columnSum,
      attributes: {},
      inputs: [floats("x", [rows, columns])],
      outputs: [summed(rows, 1, "a sum of N terms")],
    }),
    opCase({
      name: `${rows}x${columns}, addend`,
      op: columnSum,
      attributes: {},
      inputs: [floats("x", [rows, columns]), floats("addend", [columns])],
      outputs: [summed(rows + 1, 1, "a sum of N + 1 terms")],
    }),
  ]),
  opCase({
    name: "over x",
    op: addBias,
    attributes: {},
    inputs: [floats("x", [17, 65]), floats("bias", [65])],
    inPlace: [[0, 0]],
    outputs: [once],
  }),
  opCase({
    name: "over the addend",
    op: columnSum,
    attributes: {},
    inputs: [floats("x", [65, 17]), floats("addend", [17])],
    inPlace: [[0, 1]],
    outputs: [summed(66, 1, "a sum of N + 1 terms")],
  }),
];
