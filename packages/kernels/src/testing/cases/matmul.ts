import { matmul } from "../../ops/matmul.ts";
import { floats, halves, opCase, trained, type CaseData, type ConformanceCase } from "../conformanceCase.ts";
import { ofProducts, summed, type Tolerance } from "../tolerance.ts";

type Size = readonly [m: number, k: number, n: number];
interface Options {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha?: number;
  readonly addend?: "separate" | "in place";
  readonly gradients?: boolean;
  /** b is float16, a frozen weight. */
  readonly half?: boolean;
}

const dot = (k: number): Tolerance => ofProducts(summed(k, 4, "a float32 dot product of K terms, alpha and the addend"), 2);

/** The definition, element by element. */
function product([m, k, n]: Size, { transposeA, transposeB, alpha = 1 }: Options, data: CaseData): readonly Float64Array[] {
  const a = data.get("a")!;
  const b = data.get("b")!;
  const addend = data.get("addend");
  const y = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let inner = 0; inner < k; inner++) {
        sum += a[transposeA ? inner * m + row : row * k + inner]! * b[transposeB ? column * k + inner : inner * n + column]!;
      }
      y[row * n + column] = alpha * sum + (addend?.[row * n + column] ?? 0);
    }
  }
  return [y];
}

function matmulCase(size: Size, options: Options): ConformanceCase {
  const [m, k, n] = size;
  const { transposeA, transposeB, alpha = 1, addend, gradients = false, half = false } = options;
  const layout = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`;
  const tensor = gradients ? trained : floats;
  return opCase({
    name: `${layout} ${m}x${k}x${n}${alpha === 1 ? "" : `, alpha ${alpha}`}${addend ? `, addend ${addend}` : ""}${half ? ", float16 weight" : ""}`,
    op: matmul,
    attributes: { transposeA, transposeB, alpha },
    inputs: [
      tensor("a", transposeA ? [k, m] : [m, k]),
      (half ? halves : tensor)("b", transposeB ? [n, k] : [k, n]),
      ...(addend ? [tensor("addend", [m, n])] : []),
    ],
    inPlace: addend === "in place" ? [[0, 2]] : [],
    outputs: [dot(k)],
    oracle: (data) => product(size, options, data),
    // Each gradient is a product over N or M.
    ...(gradients ? { gradients: dot(Math.max(m, n)) } : {}),
  });
}

const layouts = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

export const matmulCases: readonly ConformanceCase[] = [
  ...layouts.flatMap(([transposeA, transposeB]) => [
    matmulCase([17, 65, 3], { transposeA, transposeB, gradients: true }),
    matmulCase([1, 3, 65], { transposeA, transposeB }),
    matmulCase([65, 17, 1], { transposeA, transposeB }),
    matmulCase([67, 130, 66], { transposeA, transposeB }),
    matmulCase([3, 17, 65], { transposeA, transposeB, alpha: 0.3, addend: "separate", gradients: true }),
    matmulCase([65, 33, 17], { transposeA, transposeB, alpha: -1.7, addend: "in place" }),
  ]),
  matmulCase([1, 1, 1], { transposeA: false, transposeB: false, gradients: true }),
  matmulCase([65, 300, 8], { transposeA: false, transposeB: true, alpha: 2, gradients: true }),
  matmulCase([65, 8, 300], { transposeA: false, transposeB: true, alpha: 2, addend: "in place" }),
  matmulCase([8, 65, 300], { transposeA: true, transposeB: false, addend: "in place" }),
  matmulCase([1, 257, 129], { transposeA: false, transposeB: true }),
  matmulCase([128, 64, 192], { transposeA: false, transposeB: true, gradients: true }),
  matmulCase([129, 513, 131], { transposeA: false, transposeB: true }),
  matmulCase([17, 65, 3], { transposeA: false, transposeB: true, half: true, gradients: true }),
  matmulCase([67, 130, 66], { transposeA: false, transposeB: false, half: true, alpha: 0.25, gradients: true }),
  matmulCase([128, 64, 192], { transposeA: false, transposeB: true, half: true, addend: "in place" }),
  matmulCase([1, 257, 129], { transposeA: false, transposeB: true, half: true, alpha: 0.5 }),
];
