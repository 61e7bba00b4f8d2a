import type { Backend } from "@sft/kernels";
import { isModule } from "./adapters/loraTargets.ts";
import { ModelError } from "./errors.ts";
import type { ParameterSpec } from "./families/family.ts";
import { halfFromBfloat16, type HalfWeight } from "./halfWeight.ts";

/** Reads one tensor of a checkpoint; `tensors` says what is there. Structurally a checkpoint's TensorSource. */
export interface WeightSource {
  /** With its type as safetensors calls it, where `read` is to be asked. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype?: string }>;
  readFloat32(name: string): Promise<Float32Array>;
  /** The bytes as stored, in a buffer of their own: 16-bit floats are taken from here when the model holds them in 16 bits itself. */
  read?(name: string): Promise<Uint8Array>;
}

export interface LoadOptions {
  readonly backend: Backend;
  /** config.json as read. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Base weights; without them every weight is drawn from N(0, initializer_range) with `seed`, for benchmarks, and repeats within a large tensor. */
  readonly weights?: WeightSource;
  /**
   * Positions that the rope tables cover: the longest sequence that will ever run. Default: the model's own limit, beyond which
   * rope goes on as its scaling says; learned positions end there.
   */
  readonly positions?: number;
  /** "nf4" keeps the weights of linear layers in 4 bits (QLoRA): a base for adapters, that is not trained itself. */
  readonly quantise?: "nf4";
  /**
   * "float16" holds the base's matrices in float16: bit for bit where the checkpoint does, else rounded to nearest, with a power of
   * two as a scale where float16's range is too small. They cannot be trained; norms, biases and adapters stay float32. It costs a
   * product nothing on a backend whose `productRoundoff` is 2^-11. Default "float32".
   */
  readonly frozenWeights?: "float32" | "float16";
  /** Modules, by name or ending, whose weights stay float32 all the same: modules_to_save, whose copies start from them. */
  readonly float32Modules?: readonly string[];
  readonly seed?: number;
  /** Only allocate: no weight is read, drawn or uploaded. For planning memory. */
  readonly empty?: boolean;
}

/** Which weights are to lie in float16: the matrices that are not asked for in float32. */
export function halfPredicate({
  backend,
  frozenWeights = "float32",
  float32Modules = [],
}: LoadOptions): (parameter: ParameterSpec) => boolean {
  if (frozenWeights === "float32") return () => false;
  if (!backend.capabilities.halfWeights)
    throw new ModelError(
      "unsupported-config",
      `${backend.capabilities.backend} (${backend.capabilities.adapter}) reads no weights in float16`,
      "Load the model with its weights in float32.",
    );
  return ({ name, shape }) =>
    shape.length === 2 && !float32Modules.some((module) => isModule(name.slice(0, name.lastIndexOf(".")), module));
}

/** A tensor of 16 bits in float16, without widening it first; undefined for others. */
export async function readHalf(weights: WeightSource, name: string): Promise<HalfWeight | undefined> {
  const { dtype } = weights.tensors.get(name)!;
  if (!weights.read || (dtype !== "F16" && dtype !== "BF16")) return undefined;
  const bits = new Uint16Array((await weights.read(name)).buffer);
  return dtype === "F16" ? { bits, scale: 1 } : halfFromBfloat16(bits);
}
