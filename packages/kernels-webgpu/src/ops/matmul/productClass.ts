import { depthOf } from "./depth.ts";
import type { MatmulOperands } from "./matmul.ts";

/** Products that are alike enough to share a choice of tile. */
export interface ProductClass {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Element types in memory. */
  readonly a: ElementType;
  readonly b: ElementType;
  readonly y: ElementType;
  readonly matrixUnits: boolean;
}

type ElementType = "f32" | "f16";

/** Token counts from here on are one class: such a product fills any device, and its time grows with the tokens whatever the tile. */
const MOST_TOKENS = 8192;

/**
 * The class of a product. Weights keep their extents; the extent that counts tokens (rows of y, or the depth where a is transposed)
 * is rounded up to a power of two, so that batches of other lengths share a class.
 */
export function productClassOf({ a, b, y }: MatmulOperands, transposeA: boolean, transposeB: boolean, matrixUnits: boolean): ProductClass {
  const [m, n] = y.shape as [number, number];
  const k = depthOf({ a, b, y }, transposeB);
  const element = ({ dtype }: { readonly dtype: string }): ElementType => (dtype === "f16" ? "f16" : "f32");
  return {
    m: transposeA ? m : roundedTokens(m),
    n,
    k: transposeA ? roundedTokens(k) : k,
    transposeA,
    transposeB,
    a: element(a),
    b: element(b),
    y: element(y),
    matrixUnits,
  };
}

/** A class in words, such as "nt f32 f32 f32 4096x576x1536 matrix-units"; `parseProductClass` reads it. */
export function nameProductClass({ m, n, k, transposeA, transposeB, a, b, y, matrixUnits }: ProductClass): string {
  const layout = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`;
  return `${layout} ${a} ${b} ${y} ${m}x${n}x${k}${matrixUnits ? " matrix-units" : ""}`;
}

/** The class that a name stands for; undefined for any other text. */
export function parseProductClass(name: string): ProductClass | undefined {
  const parts = /^([nt])([nt]) (f32|f16) (f32|f16) (f32|f16) (\d{1,9})x(\d{1,9})x(\d{1,9})( matrix-units)?$/.exec(name);
  if (!parts) return undefined;
  const [, left, right, a, b, y, m, n, k, units] = parts as unknown as [string, string, string, ...ElementType[]] & string[];
  return {
    m: Number(m),
    n: Number(n),
    k: Number(k),
    transposeA: left === "t",
    transposeB: right === "t",
    a: a as ElementType,
    b: b as ElementType,
    y: y as ElementType,
    matrixUnits: units !== undefined,
  };
}

function roundedTokens(count: number): number {
  return Math.min(MOST_TOKENS, 2 ** Math.ceil(Math.log2(Math.max(1, count))));
}
