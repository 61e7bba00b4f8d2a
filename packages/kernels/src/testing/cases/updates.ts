import { adamw8bit, quantisedStateShapes, STATE_BLOCK } from "../../ops/adamw8bit.ts";
import { elementDirection, factoredDirection } from "../../ops/adafactor.ts";
import { dynamicCode, nearestCode } from "../../ops/dynamicCode.ts";
import type { AdamwAttributes } from "../../ops/optimiser.ts";
import { descend, divideByNorm, lion, momentum, sgd } from "../../ops/updates.ts";
import { constants, floats, integers, opCase, type CaseData, type CaseTensor, type ConformanceCase } from "../conformanceCase.ts";
import { exactly, rounded, summed, withFloor } from "../tolerance.ts";

/** A learning rate and two numbers between 0 and 1. */
const schedule = constants("schedule", [4], [0.05, 0.3, 0.02, 0]);
/** A norm of 3.7, and gradients that carry a loss scale of 2. */
const open = constants("gate", [3], [3.7, 1, 0.5]);
const closed = constants("gate", [3], [NaN, 0, 0.5]);
const plainNorm = constants("norm", [2], [3.7, 1]);
const shapes = [[1], [17, 65], [4, 16]] as const;
/** An update adds terms of one size, so that what is left of two that cancel is measured against them. */
const update = withFloor(rounded(16, "about ten rounded operations an element"), 0.1);
const unchanged = exactly("nothing is written");

const named = (data: CaseData, ...names: readonly string[]): Float64Array[] => names.map((name) => Float64Array.from(data.get(name)!));
const clipOf = (norm: number, maxGradNorm: number): number => 0.5 * (maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1);
const positive = (tensor: CaseTensor): CaseTensor => ({
  ...tensor,
  values: (random) => (tensor.values(random) as Float64Array).map(Math.abs),
});
const notFinite = (shape: readonly number[]): CaseTensor =>
  constants(
    "g",
    shape,
    Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, index) => (index % 2 === 0 ? NaN : Infinity)),
  );

const simpleUpdates: readonly ConformanceCase[] = shapes.flatMap((shape) =>
  [0, 1].flatMap((maxGradNorm) => {
    const name = `${shape.join("x")}${maxGradNorm > 0 ? ", clipped" : ""}`;
    const clip = clipOf(Math.fround(3.7), maxGradNorm);
    return [
      opCase({
        name,
        op: sgd,
        attributes: { momentum: 0.9, weightDecay: 0.1, maxGradNorm },
        inputs: [floats("p", shape), floats("g", shape), floats("buffer", shape), schedule, open],
        inPlace: [
          [0, 0],
          [1, 2],
        ],
        outputs: [update, update],
        oracle(data) {
          const [p, g, buffer, rate] = named(data, "p", "g", "buffer", "schedule") as [
            Float64Array,
            Float64Array,
            Float64Array,
            Float64Array,
          ];
          const moved = buffer.map((old, i) => 0.9 * old + g[i]! * clip + 0.1 * p[i]!);
          return [p.map((old, i) => old - rate[0]! * moved[i]!), moved];
        },
      }),
      opCase({
        name,
        op: lion,
        attributes: { beta1: 0.9, beta2: 0.99, weightDecay: 0.1, maxGradNorm },
        inputs: [floats("p", shape), floats("g", shape), floats("m", shape), schedule, open],
        inPlace: [
          [0, 0],
          [1, 2],
        ],
        outputs: [update, update],
        oracle(data) {
          const [p, g, m, rate] = named(data, "p", "g", "m", "schedule") as [Float64Array, Float64Array, Float64Array, Float64Array];
          return [
            p.map((old, i) => old * (1 - rate[0]! * 0.1) - rate[0]! * Math.sign(0.9 * m[i]! + 0.1 * clip * g[i]!)),
            m.map((old, i) => 0.99 * old + 0.01 * clip * g[i]!),
          ];
        },
      }),
      opCase({
        name,
        op: momentum,
        attributes: { momentum: 0.95, maxGradNorm },
        inputs: [floats("g", shape), floats("buffer", shape), open],
        inPlace: [[1, 1]],
        outputs: [update, update],
        oracle(data) {
          const [g, buffer] = named(data, "g", "buffer") as [Float64Array, Float64Array];
          const moved = buffer.map((old, i) => 0.95 * old + clip * g[i]!);
          return [g.map((value, i) => clip * value + 0.95 * moved[i]!), moved];
        },
      }),
      opCase({
        name,
        op: elementDirection,
        attributes: { epsilon: 1e-30, maxGradNorm },
        inputs: [floats("g", shape), positive(floats("v", shape)), schedule, open],
        inPlace: [[1, 1]],
        outputs: [update, update],
        oracle(data) {
          const [g, v, rate] = named(data, "g", "v", "schedule") as [Float64Array, Float64Array, Float64Array];
          const moved = v.map((old, i) => rate[1]! * old + (1 - rate[1]!) * ((clip * g[i]!) ** 2 + 1e-30));
          return [g.map((value, i) => (clip * value) / Math.sqrt(moved[i]!)), moved];
        },
      }),
    ];
  }),
);

const steps: readonly ConformanceCase[] = shapes.flatMap((shape) => [
  ...[true, false].map((over) =>
    opCase({
      name: `${shape.join("x")}${over ? ", over x" : ""}`,
      op: divideByNorm,
      attributes: { epsilon: 1e-3 },
      inputs: [floats("x", shape), plainNorm],
      inPlace: over ? [[0, 0]] : [],
      outputs: [rounded(3, "a sum and a quotient")],
      oracle: (data) => [Float64Array.from(data.get("x")!, (x) => x / (data.get("norm")![0]! + 1e-3))],
    }),
  ),
  ...[0, 2.5, 100].map((maxNorm) =>
    opCase({
      name: `${shape.join("x")}${maxNorm > 0 ? `, norm 3.7 under a bound of ${maxNorm}` : ""}`,
      op: descend,
      attributes: { factor: 0.2, weightDecay: 0.1, maxNorm },
      inputs: [
        floats("p", shape),
        floats("direction", shape),
        schedule,
        open,
        ...(maxNorm > 0 ? [constants("direction norm", [2], [3.7, 1])] : []),
      ],
      inPlace: [[0, 0]],
      outputs: [update],
      oracle(data) {
        const [p, direction, rate] = named(data, "p", "direction", "schedule") as [Float64Array, Float64Array, Float64Array];
        const bound = maxNorm > 0 ? Math.max(1, Math.fround(3.7) / maxNorm) : 1;
        return [p.map((old, i) => old * (1 - rate[0]! * 0.1) - (rate[0]! * 0.2 * direction[i]!) / bound)];
      },
    }),
  ),
]);

function factoredCase(rows: number, columns: number, maxGradNorm: number): ConformanceCase {
  const means = summed(Math.max(rows, columns), 16, "means of squares over rows or columns, and a few operations on them");
  return opCase({
    name: `${rows}x${columns}${maxGradNorm > 0 ? ", clipped" : ""}`,
    op: factoredDirection,
    attributes: { epsilon: 1e-30, maxGradNorm },
    inputs: [floats("g", [rows, columns]), positive(floats("row", [rows])), positive(floats("column", [columns])), schedule, open],
    inPlace: [
      [1, 1],
      [2, 2],
    ],
    outputs: [means, means, means],
    oracle(data) {
      const [g, row, column, rate] = named(data, "g", "row", "column", "schedule") as [
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const clip = clipOf(Math.fround(3.7), maxGradNorm);
      const square = (r: number, c: number): number => (clip * g[r * columns + c]!) ** 2 + 1e-30;
      const mean = (count: number, value: (index: number) => number): number =>
        Array.from({ length: count }, (_, index) => value(index)).reduce((sum, one) => sum + one, 0) / count;
      const newRow = row.map((old, r) => rate[1]! * old + (1 - rate[1]!) * mean(columns, (c) => square(r, c)));
      const newColumn = column.map((old, c) => rate[1]! * old + (1 - rate[1]!) * mean(rows, (r) => square(r, c)));
      const rowMean = mean(rows, (r) => newRow[r]!);
      return [
        g.map((value, index) => (clip * value) / Math.sqrt((newRow[Math.floor(index / columns)]! / rowMean) * newColumn[index % columns]!)),
        newRow,
        newColumn,
      ];
    },
  });
}

const settings: AdamwAttributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 0 };

function quantisedState(elements: number): readonly CaseTensor[] {
  const { codes, scales } = quantisedStateShapes(elements);
  const words = (name: string): CaseTensor => integers(name, { length: codes[0]!, from: -2_147_483_648, to: 2_147_483_648 });
  return [words("m"), words("v"), positive(floats("mScale", scales)), positive(floats("vScale", scales, 0.1))];
}

function adamw8bitCase(name: string, shape: readonly number[], maxGradNorm: number, scaleOfGradient = 1): ConformanceCase {
  const elements = shape.reduce((product, size) => product * size, 1);
  return opCase({
    name: `${name}, ${shape.join("x")}`,
    op: adamw8bit,
    attributes: { ...settings, maxGradNorm },
    inputs: [floats("p", shape), floats("g", shape, scaleOfGradient), ...quantisedState(elements), schedule, open],
    inPlace: [
      [0, 0],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
    ],
    // A code of a value nearly halfway between two would depend on rounding; none of these data is.
    outputs: [update, exactly("codes are bits"), exactly("codes are bits"), rounded(8, "a few operations"), rounded(8, "a few operations")],
    oracle: (data) => quantisedAdamw(data, clipOf(Math.fround(3.7), maxGradNorm)),
  });
}

/** Straight from the definition, one element after the other. */
function quantisedAdamw(data: CaseData, clip: number): readonly ArrayLike<number>[] {
  const [p, g, mScale, vScale, rate] = named(data, "p", "g", "mScale", "vScale", "schedule") as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const [signed, unsigned] = [dynamicCode(true), dynamicCode(false)];
  const byteOf = (words: ArrayLike<number>, i: number): number => (words[i >> 2]! >>> (8 * (i & 3))) & 255;
  const first = g.map((value, i) => 0.9 * signed[byteOf(data.get("m")!, i)]! * mScale[Math.floor(i / STATE_BLOCK)]! + 0.1 * clip * value);
  const second = g.map(
    (value, i) => 0.999 * unsigned[byteOf(data.get("v")!, i)]! * vScale[Math.floor(i / STATE_BLOCK)]! + 0.001 * (clip * value) ** 2,
  );
  const parameter = p.map(
    (old, i) => old * (1 - rate[0]! * 0.1) - ((rate[0]! / rate[1]!) * first[i]!) / (Math.sqrt(second[i]! / rate[2]!) + 1e-8),
  );
  const scalesOf = (values: Float64Array): Float64Array =>
    mScale.map((_, block) => Math.max(...values.subarray(block * STATE_BLOCK, (block + 1) * STATE_BLOCK).map(Math.abs)));
  const pack = (values: Float64Array, scales: Float64Array, code: Float32Array): Int32Array => {
    const words = new Int32Array(Math.ceil(values.length / 4));
    values.forEach((value, i) => {
      const scale = scales[Math.floor(i / STATE_BLOCK)]!;
      words[i >> 2]! |= nearestCode(code, scale === 0 ? 0 : value / scale) << (8 * (i & 3));
    });
    return words;
  };
  const [mScales, vScales] = [scalesOf(first), scalesOf(second)];
  return [parameter, pack(first, mScales, signed), pack(second, vScales, unsigned), mScales, vScales];
}

/** Gradients that are not finite behind a closed gate: parameters and state keep their bits, directions are 0. */
const closedGates: readonly ConformanceCase[] = [
  opCase({
    name: "a closed gate",
    op: sgd,
    attributes: { momentum: 0.9, weightDecay: 0.1, maxGradNorm: 1 },
    inputs: [floats("p", [3, 17]), notFinite([3, 17]), floats("buffer", [3, 17]), schedule, closed],
    inPlace: [
      [0, 0],
      [1, 2],
    ],
    outputs: [unchanged, unchanged],
    oracle: (data) => [data.get("p")!, data.get("buffer")!],
  }),
  opCase({
    name: "a closed gate",
    op: lion,
    attributes: { beta1: 0.9, beta2: 0.99, weightDecay: 0.1, maxGradNorm: 1 },
    inputs: [floats("p", [3, 17]), notFinite([3, 17]), floats("m", [3, 17]), schedule, closed],
    inPlace: [
      [0, 0],
      [1, 2],
    ],
    outputs: [unchanged, unchanged],
    oracle: (data) => [data.get("p")!, data.get("m")!],
  }),
  opCase({
    name: "a closed gate",
    op: momentum,
    attributes: { momentum: 0.9, maxGradNorm: 1 },
    inputs: [notFinite([3, 17]), floats("buffer", [3, 17]), closed],
    inPlace: [[1, 1]],
    outputs: [exactly("0"), unchanged],
    oracle: (data) => [new Float64Array(51), data.get("buffer")!],
  }),
  opCase({
    name: "a closed gate",
    op: descend,
    attributes: { factor: 1, weightDecay: 0.1, maxNorm: 0 },
    inputs: [floats("p", [3, 17]), { ...notFinite([3, 17]), name: "direction" }, schedule, closed],
    inPlace: [[0, 0]],
    outputs: [unchanged],
    oracle: (data) => [data.get("p")!],
  }),
  opCase({
    name: "a closed gate",
    op: factoredDirection,
    attributes: { epsilon: 1e-30, maxGradNorm: 1 },
    inputs: [notFinite([3, 17]), positive(floats("row", [3])), positive(floats("column", [17])), schedule, closed],
    inPlace: [
      [1, 1],
      [2, 2],
    ],
    outputs: [exactly("0"), unchanged, unchanged],
    oracle: (data) => [new Float64Array(51), data.get("row")!, data.get("column")!],
  }),
  opCase({
    name: "a closed gate",
    op: elementDirection,
    attributes: { epsilon: 1e-30, maxGradNorm: 1 },
    inputs: [notFinite([17]), positive(floats("v", [17])), schedule, closed],
    inPlace: [[1, 1]],
    outputs: [exactly("0"), unchanged],
    oracle: (data) => [new Float64Array(17), data.get("v")!],
  }),
  opCase({
    name: "a closed gate",
    op: adamw8bit,
    attributes: settings,
    inputs: [floats("p", [3, 117]), notFinite([3, 117]), ...quantisedState(351), schedule, closed],
    inPlace: [
      [0, 0],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
    ],
    outputs: [0, 1, 2, 3, 4].map(() => unchanged),
    oracle: (data) => ["p", "m", "v", "mScale", "vScale"].map((name) => data.get(name)!),
  }),
];

export const updateCases: readonly ConformanceCase[] = [
  ...simpleUpdates,
  ...steps,
  factoredCase(1, 1, 0),
  factoredCase(3, 17, 1),
  factoredCase(65, 130, 0),
  factoredCase(300, 7, 0),
  adamw8bitCase("one element", [1], 0),
  adamw8bitCase("part of a block", [3, 17], 0),
  adamw8bitCase("clipped", [5, 67], 1),
  adamw8bitCase("whole blocks", [4, 256], 0),
  adamw8bitCase("all gradients 0", [9, 65], 0, 0),
  ...closedGates,
];
