import type { Attributes, HostArray, TensorType } from "@sft/kernels";

/** A tensor as a kernel sees it: its elements, its shape, and where it starts in the backend's memory (bytes). */
export interface Operand {
  readonly data: HostArray;
  readonly shape: readonly number[];
  readonly address: number;
}

/** One call of a kernel by one thread. All threads make the same call, each with its own `part` of `parts`. */
export interface Call<A extends Attributes = Attributes> {
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly attributes: A;
  readonly part: number;
  readonly parts: number;
  /** Scratch that all parts see, as long as the kernel's `sharedDoubles` asked for. Holds whatever was there before. */
  readonly shared: Float64Array;
  /** Address of the scratch that all parts see (the same bytes as `shared`), and of this part's own. */
  readonly sharedAddress: number;
  readonly ownAddress: number;
}

/**
 * How the CPU computes one op. Every thread runs every phase on its own share of the output, and no thread starts a phase
 * before all have finished the one before. Within one output element the order of summation must not depend on `parts`,
 * so that any number of threads gives the same bits.
 */
export interface Kernel<A extends Attributes = Attributes> {
  readonly phases: readonly ((call: Call<A>) => void)[];
  /** Float64 elements of scratch that all parts share. */
  readonly sharedDoubles?: (inputs: readonly TensorType[], attributes: A) => number;
  /** Bytes of scratch that each part has for itself. */
  readonly ownBytes?: (inputs: readonly TensorType[], attributes: A) => number;
}

/** The half-open range of `count` items that falls to this part; ranges differ in length by at most one. */
export function shareOf(
  count: number,
  { part, parts }: { readonly part: number; readonly parts: number },
): readonly [from: number, to: number] {
  return [Math.floor((count * part) / parts), Math.floor((count * (part + 1)) / parts)];
}
