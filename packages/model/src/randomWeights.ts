import { elementCount, pcgHash } from "@sft/kernels";
import type { ParameterSpec } from "./families/family.ts";
import { halfFromFloat32, type HalfWeight } from "./halfWeight.ts";

/** Numbers that are drawn for one tensor. Larger ones repeat them: a model of billions is there in seconds. A prime, so that rows differ. */
const MOST_DRAWN = 65_521;

/** Norms of 1, biases of 0, and N(0, initializer_range) for everything else; with `half` as float16. */
export function randomWeights(
  parameter: ParameterSpec,
  raw: Readonly<Record<string, unknown>>,
  gaussian: () => number,
  half: boolean,
): Float32Array | HalfWeight {
  const count = elementCount(parameter.shape);
  if (parameter.kind === "norm") return new Float32Array(count).fill(1);
  if (parameter.kind === "bias") return new Float32Array(count);
  const deviation = typeof raw.initializer_range === "number" ? raw.initializer_range : 0.02;
  const drawn = Float32Array.from({ length: Math.min(count, MOST_DRAWN) }, () => gaussian() * deviation);
  if (!half) return repeated(drawn, new Float32Array(count));
  const { bits, scale } = halfFromFloat32(drawn);
  return { bits: repeated(bits, new Uint16Array(count)), scale };
}

/** Fills `whole` with `piece`, again and again. */
function repeated<T extends Float32Array | Uint16Array>(piece: T, whole: T): T {
  for (let start = 0; start < whole.length; start += piece.length) whole.set(piece.subarray(0, whole.length - start), start);
  return whole;
}

/** Uniform numbers in [0, 1): the PCG hash of a counter, so that a seed gives the same sequence everywhere. */
export function randomFrom(seed: number): () => number {
  const key = pcgHash(seed >>> 0);
  let counter = 0;
  return () => pcgHash((counter++ ^ key) >>> 0) / 4294967296;
}

/** Standard normal numbers by Box and Muller's transform. */
export function gaussianFrom(seed: number): () => number {
  const random = randomFrom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
