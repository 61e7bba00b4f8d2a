import { add, copy, divide, fill, multiply, reshape, scale, softcap, zero } from "../../ops/elementwise.ts";
import { floats, integers, opCase, trained, type ConformanceCase } from "../conformanceCase.ts";
import { exactly, rounded } from "../tolerance.ts";

const shapes: readonly (readonly number[])[] = [[1], [3], [17, 65], [5, 3, 7]];
const once = rounded(1, "one rounded operation an element");
const divided = rounded(5, "a GPU's division is good to 2.5 units in the last place, of two roundoffs each");
const capped = rounded(32, "a tanh good to a few units in the last place, a division and a product");
const twice = rounded(2, "the factor is rounded, then the product");

export const elementwiseCases: readonly ConformanceCase[] = [
  ...shapes.flatMap((shape) => [
    opCase({
      name: shape.join("x"),
      op: add,
      attributes: {},
      inputs: [trained("a", shape), trained("b", shape)],
      outputs: [once],
      gradients: exactly("the gradient is handed on"),
      oracle: (data) => [Float64Array.from(data.get("a")!, (a, index) => a + data.get("b")![index]!)],
    }),
    opCase({
      name: shape.join("x"),
      op: multiply,
      attributes: {},
      inputs: [trained("a", shape), trained("b", shape)],
      outputs: [once],
      gradients: once,
      oracle: (data) => [Float64Array.from(data.get("a")!, (a, index) => a * data.get("b")![index]!)],
    }),
    opCase({
      name: shape.join("x"),
      op: divide,
      attributes: {},
      inputs: [trained("a", shape), floats("b", shape)],
      outputs: [divided],
      gradients: divided,
      oracle: (data) => [Float64Array.from(data.get("a")!, (a, index) => a / data.get("b")![index]!)],
    }),
    opCase({
      name: shape.join("x"),
      op: softcap,
      attributes: { cap: 1.5 },
      inputs: [floats("x", shape, 4)],
      outputs: [capped],
      oracle: (data) => [Float64Array.from(data.get("x")!, (x) => 1.5 * Math.tanh(x / 1.5))],
    }),
    opCase({
      name: shape.join("x"),
      op: scale,
      attributes: { factor: -0.7 },
      inputs: [trained("x", shape)],
      outputs: [twice],
      gradients: twice,
      oracle: (data) => [Float64Array.from(data.get("x")!, (x) => -0.7 * x)],
    }),
    opCase({
      name: shape.join("x"),
      op: copy,
      attributes: {},
      inputs: [trained("x", shape)],
      outputs: [exactly("a copy")],
      gradients: exactly("a copy"),
      oracle: (data) => [data.get("x")!],
    }),
  ]),
  ...[
    [1, 1, 1],
    [17, 65, 5 * 17],
    [12, 10, 8],
  ].map(([rows, columns, newRows]) =>
    opCase({
      name: `${rows}x${columns} to ${newRows} rows`,
      op: reshape,
      attributes: { rows: newRows! },
      inputs: [trained("x", [rows!, columns!])],
      outputs: [exactly("a copy")],
      gradients: exactly("a copy"),
      oracle: (data) => [data.get("x")!],
    }),
  ),
  opCase({
    name: "over x",
    op: reshape,
    attributes: { rows: 17 },
    inputs: [floats("x", [17, 65])],
    inPlace: [[0, 0]],
    outputs: [exactly("a copy")],
    oracle: (data) => [data.get("x")!],
  }),
  opCase({ name: "of 70,001", op: add, attributes: {}, inputs: [floats("a", [70_001]), floats("b", [70_001])], outputs: [once] }),
  opCase({
    name: "over a",
    op: add,
    attributes: {},
    inputs: [floats("a", [17, 65]), floats("b", [17, 65])],
    inPlace: [[0, 0]],
    outputs: [once],
  }),
  opCase({
    name: "over b",
    op: add,
    attributes: {},
    inputs: [floats("a", [17, 65]), floats("b", [17, 65])],
    inPlace: [[0, 1]],
    outputs: [once],
  }),
  opCase({
    name: "over a",
    op: multiply,
    attributes: {},
    inputs: [floats("a", [17, 65]), floats("b", [17, 65])],
    inPlace: [[0, 0]],
    outputs: [once],
  }),
  opCase({
    name: "over b",
    op: multiply,
    attributes: {},
    inputs: [floats("a", [17, 65]), floats("b", [17, 65])],
    inPlace: [[0, 1]],
    outputs: [once],
  }),
  opCase({
    name: "over a",
    op: divide,
    attributes: {},
    inputs: [floats("a", [17, 65]), floats("b", [17, 65])],
    inPlace: [[0, 0]],
    outputs: [divided],
  }),
  opCase({
    name: "over b",
    op: divide,
    attributes: {},
    inputs: [floats("a", [17, 65]), floats("b", [17, 65])],
    inPlace: [[0, 1]],
    outputs: [divided],
  }),
  opCase({
    name: "over x",
    op: softcap,
    attributes: { cap: 30 },
    inputs: [floats("x", [17, 65], 200)],
    inPlace: [[0, 0]],
    outputs: [capped],
  }),
  opCase({ name: "over x", op: scale, attributes: { factor: 3 }, inputs: [floats("x", [17, 65])], inPlace: [[0, 0]], outputs: [once] }),
  opCase({
    name: "of i32",
    op: copy,
    attributes: {},
    inputs: [integers("x", { length: 67, from: -2_000_000_000, to: 2_000_000_000 })],
    outputs: [exactly("a copy")],
    oracle: (data) => [data.get("x")!],
  }),
  ...[1, 65, 1000].map((length) =>
    opCase({
      name: `${length}`,
      op: fill,
      attributes: { value: 0.25, length },
      inputs: [],
      outputs: [exactly("0.25 is a float32")],
      oracle: () => [new Float64Array(length).fill(0.25)],
    }),
  ),
  ...shapes.map((shape) =>
    opCase({
      name: shape.join("x"),
      op: zero,
      attributes: {},
      inputs: [floats("x", shape)],
      inPlace: [[0, 0]],
      outputs: [exactly("zeros")],
      oracle: (data) => [new Float64Array(data.get("x")!.length)],
    }),
  ),
];
