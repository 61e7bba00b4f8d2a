import { gatherRows, scatterRows } from "../../ops/rows.ts";
import { floats, halves, integers, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { exactly } from "../tolerance.ts";

const copied = exactly("rows are copied");
/** Rows as a batch's supervised ones come, padded at their end, and the number of rows that they are taken from. */
const chosen = [
  [1, [0]],
  [17, [16, -1, 0, 3, -5]],
  [67, [1, 2, 30, 64, 65, 66, -1, -1, -1]],
  [300, Array.from({ length: 96 }, (_, row) => (row < 90 ? row * 3 + (row % 2) : -1))],
  [5, [-1, -1]],
] as const;

/** Rows of a table by index; zeros for a negative one. */
export function rowsOf(table: ArrayLike<number>, index: ArrayLike<number>, width: number): Float64Array {
  return Float64Array.from({ length: index.length * width }, (_, element) => {
    const row = index[Math.floor(element / width)]!;
    return row < 0 ? 0 : table[row * width + (element % width)]!;
  });
}

export const rowCases: readonly ConformanceCase[] = [
  ...[1, 17, 65].flatMap((width) =>
    [floats, halves].map((values) =>
      opCase({
        name: `negative indices give zeros, width ${width}${values === halves ? ", float16" : ""}`,
        op: gatherRows,
        attributes: {},
        inputs: [values("x", [17, width]), integers("index", [16, -1, 0, 3, 3, -5])],
        outputs: [copied],
        oracle: (data) => [rowsOf(data.get("x")!, data.get("index")!, width)],
      }),
    ),
  ),
  ...chosen.flatMap(([rows, index]) =>
    [1, 17, 64].flatMap((width) => [
      opCase({
        name: `${index.length} of ${rows} rows, width ${width}`,
        op: gatherRows,
        attributes: {},
        inputs: [trained("x", [rows, width]), integers("index", index)],
        outputs: [copied],
        gradients: copied,
        oracle: (data) => [rowsOf(data.get("x")!, data.get("index")!, width)],
      }),
      opCase({
        name: `${index.length} to ${rows} rows, width ${width}`,
        op: scatterRows,
        attributes: { rows },
        inputs: [trained("x", [index.length, width]), integers("index", index)],
        outputs: [copied],
        gradients: copied,
        oracle: (data) => [
          Float64Array.from({ length: rows * width }, (_, element) => {
            const source = index.findIndex((row) => row === Math.floor(element / width));
            return source === -1 ? 0 : data.get("x")![source * width + (element % width)]!;
          }),
        ],
      }),
    ]),
  ),
];
