import { padColumns, rowNorm, scaleColumns, sliceColumns } from "../../ops/columns.ts";
import { floats, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { exactly, rounded, summed } from "../tolerance.ts";

const sizes = [
  [1, 1],
  [3, 17],
  [65, 3],
  [17, 65],
  [5, 300],
] as const;
/** Columns of x, and the range that is cut out of it. */
const ranges = [
  [17, 0, 17],
  [17, 16, 1],
  [65, 3, 33],
  [130, 65, 65],
] as const;
const once = rounded(1, "one rounded operation an element");
const copied = exactly("columns are copied");

export const columnCases: readonly ConformanceCase[] = [
  ...sizes.flatMap(([rows, columns]) => [
    opCase({
      name: `${rows}x${columns}`,
      op: rowNorm,
      attributes: {},
      inputs: [floats("x", [rows, columns])],
      outputs: [summed(columns, 2, "a sum of squares over M and a square root")],
      oracle: (data) => [
        Float64Array.from({ length: rows }, (_, row) =>
          Math.hypot(...Array.from(data.get("x")!).slice(row * columns, (row + 1) * columns)),
        ),
      ],
    }),
    opCase({
      name: `${rows}x${columns}`,
      op: scaleColumns,
      attributes: {},
      inputs: [trained("x", [rows, columns]), trained("factors", [columns])],
      outputs: [once],
      gradients: summed(rows, 2, "the factors' gradient sums N products"),
      oracle: (data) => [Float64Array.from(data.get("x")!, (x, index) => x * data.get("factors")![index % columns]!)],
    }),
  ]),
  opCase({
    name: "over x",
    op: scaleColumns,
    attributes: {},
    inputs: [floats("x", [17, 65]), floats("factors", [65])],
    inPlace: [[0, 0]],
    outputs: [once],
  }),
  ...ranges.flatMap(([total, start, width]) => [
    opCase({
      name: `${start} to ${start + width} of ${total}`,
      op: sliceColumns,
      attributes: { start, width },
      inputs: [trained("x", [5, total])],
      outputs: [copied],
      gradients: copied,
      oracle: (data) => [
        Float64Array.from(
          { length: 5 * width },
          (_, index) => data.get("x")![Math.floor(index / width) * total + start + (index % width)]!,
        ),
      ],
    }),
    opCase({
      name: `${start} to ${start + width} of ${total}`,
      op: padColumns,
      attributes: { start, total },
      inputs: [trained("x", [5, width])],
      outputs: [copied],
      gradients: copied,
      oracle: (data) => [
        Float64Array.from({ length: 5 * total }, (_, index) => {
          const column = (index % total) - start;
          return column >= 0 && column < width ? data.get("x")![Math.floor(index / total) * width + column]! : 0;
        }),
      ],
    }),
  ]),
];
