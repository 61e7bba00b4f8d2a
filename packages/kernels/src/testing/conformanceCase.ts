import { decodeHalf, encodeHalf } from "../float16.ts";
import type { Attributes, OpDefinition } from "../op.ts";
import type { Tape, Value } from "../tape.ts";
import type { TensorType } from "../tensor.ts";
import type { Random } from "./random.ts";
import type { Tolerance } from "./tolerance.ts";

/** Contents of one tensor: f32 values are representable in float32, so that every backend starts from the same numbers; f16 ones are bits. */
export type CaseValues = Float64Array | Int32Array | Uint16Array;

/** A tensor that a case binds, with the data it holds before the run. */
export interface CaseTensor extends TensorType {
  readonly name: string;
  /** The gradient by this tensor is checked. */
  readonly trainable: boolean;
  /** The program writes over it. */
  readonly updated?: boolean;
  readonly values: (random: Random) => CaseValues;
}

/** Data of every bound tensor by name, before a run or after it. */
export type CaseData = ReadonlyMap<string, ArrayLike<number>>;

/** One conformance case. All of it is data and pure functions: it runs on any backend, with any test framework or none. */
export interface ConformanceCase {
  readonly name: string;
  readonly tensors: readonly CaseTensor[];
  /** Records the program. Outputs are written to tensors that `output` declares, or in place to a bound tensor; those written are returned. */
  readonly record: (tape: Tape, tensors: readonly Value[], output: (name: string, shape: readonly number[]) => Value) => readonly Value[];
  /** One tolerance for each output that `record` returns. */
  readonly outputs: readonly Tolerance[];
  /** Gradients by every trainable tensor, each output in `seeded` weighted by random numbers. */
  readonly gradients?: { readonly tolerance: Tolerance; readonly seeded: readonly number[] };
  /** Expected outputs by a computation of its own, where one is short; else the float64 reference is asked. */
  readonly oracle?: (data: CaseData) => readonly ArrayLike<number>[];
}

/** Random values, never 0, as a frozen input. */
export function floats(name: string, shape: readonly number[], scale = 1): CaseTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return {
    name,
    shape,
    dtype: "f32",
    trainable: false,
    values: (random) => Float64Array.from({ length }, () => Math.fround(scale * random.float())),
  };
}

/** Random values in float16, as frozen weights are stored. */
export function halves(name: string, shape: readonly number[], scale = 1): CaseTensor {
  const float = floats(name, shape, scale);
  return { ...float, dtype: "f16", values: (random) => Uint16Array.from(float.values(random), encodeHalf) };
}

/** Values of a tensor as numbers: float16 bits decoded, all others as they are. */
export function numbersOf(values: ArrayLike<number>): ArrayLike<number> {
  return values instanceof Uint16Array ? Float64Array.from(values, decodeHalf) : values;
}

/** Random values whose gradient is checked. */
export function trained(name: string, shape: readonly number[], scale = 1): CaseTensor {
  return { ...floats(name, shape, scale), trainable: true };
}

/** A vector of integers, either given or drawn. */
export function integers(
  name: string,
  values: readonly number[] | { readonly length: number; readonly from: number; readonly to: number },
): CaseTensor {
  const length = values.length;
  return {
    name,
    shape: [length],
    dtype: "i32",
    trainable: false,
    values: (random) =>
      "from" in values ? Int32Array.from({ length }, () => random.integer(values.from, values.to)) : Int32Array.from(values),
  };
}

/** Given float values. */
export function constants(name: string, shape: readonly number[], values: readonly number[]): CaseTensor {
  return {
    name,
    shape,
    dtype: "f32",
    trainable: false,
    values: () => Float64Array.from(values, (value) => (Number.isFinite(value) ? Math.fround(value) : value)),
  };
}

export interface OpCase<A extends Attributes> {
  readonly name: string;
  readonly op: OpDefinition<A>;
  readonly attributes: A;
  readonly inputs: readonly CaseTensor[];
  readonly outputs: readonly Tolerance[];
  /** Pairs [output, input]: the output is written over the input. */
  readonly inPlace?: readonly (readonly [output: number, input: number])[];
  readonly gradients?: Tolerance;
  readonly oracle?: ConformanceCase["oracle"];
}

/** A case of one op. Outputs are named y0, y1, ...; gradients flow from the first. */
export function opCase<A extends Attributes>({
  name,
  op,
  attributes,
  inputs,
  outputs,
  inPlace = [],
  gradients,
  oracle,
}: OpCase<A>): ConformanceCase {
  return {
    name: `${op.name}: ${name}`,
    tensors: inputs.map((input, index) => (inPlace.some(([, over]) => over === index) ? { ...input, updated: true } : input)),
    outputs,
    ...(gradients ? { gradients: { tolerance: gradients, seeded: [0] } } : {}),
    ...(oracle ? { oracle } : {}),
    record(tape, values, output) {
      const targets = op.infer(inputs, attributes).map((type, slot) => {
        const over = inPlace.find(([index]) => index === slot);
        return over
          ? values[over[1]]
          : type.dtype === "f32"
            ? output(`y${slot}`, type.shape)
            : tape.output(`y${slot}`, type.shape, type.dtype);
      });
      return tape.apply(op, values, attributes, targets);
    },
  };
}
