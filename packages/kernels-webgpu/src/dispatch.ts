import { bytesPerElement, elementCount, ProgramError, type Attributes, type TensorType } from "@sft/kernels";
import { inPlaceVariant, type Kernel } from "./kernel.ts";
import type { Operand, OperandRange } from "./operand.ts";

/** What the kernels may assume of a device. All of it is plain data, so that dispatches can be listed without a GPU. */
export interface KernelLimits {
  /** Bytes of one storage binding. */
  readonly maxBindingBytes: number;
  readonly maxWorkgroupsPerDimension: number;
  readonly maxInvocationsPerWorkgroup: number;
  readonly workgroupStorageBytes: number;
  /** Products run on matrix units: float16 operands, float32 sums, 16x16x16, subgroups of 32. */
  readonly matrixUnits?: boolean;
  /** Workgroups of a product's large blocks on matrix units that run at a time, where that is known. */
  readonly largeWorkgroupsAtOnce?: number;
  /** Activations that matrix units round anyway may be stored as float16. By default where there are matrix units. */
  readonly halfStorage?: boolean;
  /** Tiles of products that were chosen by measurement, by class (`nameProductClass`); others follow the tables. */
  readonly tiles?: TileLookup;
}

/** Names of tiles by the names of classes of products; a Map is one. */
export interface TileLookup {
  get(productClass: string): string | undefined;
}

/** What WebGPU promises on every device. */
export const defaultLimits: KernelLimits = {
  maxBindingBytes: 128 * 1024 * 1024,
  maxWorkgroupsPerDimension: 65535,
  maxInvocationsPerWorkgroup: 256,
  workgroupStorageBytes: 16384,
};

/** Bytes of one storage, as one dispatch binds them. */
export interface BoundRange {
  readonly storage: number;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** One kernel launch over symbolic memory. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly bindings: readonly BoundRange[];
  /** Values of `kernel.parameters`, in order. */
  readonly parameters: readonly number[];
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** One instruction as an op's kernels see it. */
export interface OpCall {
  readonly op: string;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly attributes: Attributes;
}

/** Receives the dispatches of one instruction. */
export interface Emitter {
  readonly limits: KernelLimits;
  /** Memory for this instruction alone, with undefined contents; the next instruction may get the same memory. */
  scratch(type: TensorType): Operand;
  /** Launches a kernel. Bindings and parameters are given by name; a whole operand or a range of it can be bound. */
  dispatch(
    kernel: Kernel,
    bindings: Readonly<Record<string, Operand | OperandRange>>,
    parameters: Readonly<Record<string, number>>,
    workgroups: readonly [x: number, y?: number, z?: number],
  ): void;
}

/** Turns one instruction into dispatches. Pure but for the emitter it is given. */
export type OpEmitter = (emitter: Emitter, call: OpCall) => void;

/** Resolves names to order, and binds a buffer that is read and written once. Dispatches of no workgroups are dropped. */
export function resolveDispatch(
  kernel: Kernel,
  bindings: Readonly<Record<string, Operand | OperandRange>>,
  parameters: Readonly<Record<string, number>>,
  workgroups: readonly [x: number, y?: number, z?: number],
): Dispatch | null {
  const [x, y = 1, z = 1] = workgroups;
  if (x === 0 || y === 0 || z === 0) return null;
  const bound = new Map(kernel.bindings.map(({ name }) => [name, bind(kernel, name, bindings[name])]));
  let variant = kernel;
  for (const output of kernel.bindings) {
    if (!output.writes) continue;
    for (const input of kernel.bindings) {
      const [from, to] = [bound.get(input.name)!, bound.get(output.name)!];
      if (input.name === output.name || from.storage !== to.storage) continue;
      if (input.writes || from.byteOffset !== to.byteOffset || from.byteLength !== to.byteLength) {
        throw new ProgramError(
          "invalid-program",
          `${kernel.label}: ${input.name} and ${output.name} overlap in memory without being the same elements`,
          { op: kernel.label },
        );
      }
      variant = inPlaceVariant(variant, input.name, output.name);
    }
  }
  return {
    kernel: variant,
    bindings: variant.bindings.map(({ name }) => bound.get(name)!),
    parameters: variant.parameters.map(({ name }) => {
      const value = parameters[name];
      if (value === undefined) throw new TypeError(`${kernel.label}: parameter ${name} has no value`);
      return value;
    }),
    workgroups: [x, y, z],
  };
}

function bind(kernel: Kernel, name: string, value: Operand | OperandRange | undefined): BoundRange {
  if (!value) throw new TypeError(`${kernel.label}: nothing is bound to ${name}`);
  const { operand, start, length } = "operand" in value ? value : { operand: value, start: 0, length: elementCount(value.shape) };
  const bytes = bytesPerElement(operand.dtype);
  // Buffers are padded to whole words, and WebGPU binds no empty range.
  const byteOffset = (operand.byteOffset ?? 0) + start * bytes;
  return { storage: operand.storage, byteOffset, byteLength: Math.max(4, Math.ceil((length * bytes) / 4) * 4) };
}
