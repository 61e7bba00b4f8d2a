import { nf4Lengths, type DType, type Nf4Tensor } from "@sft/kernels";

/** One of the tensors that hold a weight in 4 bits. */
export interface Nf4Part {
  readonly part: keyof Nf4Tensor;
  /** What it is bound by: "<weight>.nf4.codes" and so on. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Extract<DType, "f32" | "i32">;
}

/** The parts of a weight of `elements` elements, in the order in which `dequantizeNf4` reads them. */
export function nf4Parts(weight: string, elements: number): readonly Nf4Part[] {
  const lengths = nf4Lengths(elements);
  return (["codes", "scaleCodes", "scales", "offset"] as const).map((part, index) => ({
    part,
    name: `${weight}.nf4.${part}`,
    shape: [lengths[part]],
    dtype: index < 2 ? "i32" : "f32",
  }));
}
