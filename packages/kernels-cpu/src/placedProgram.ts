import { type Attributes, type DType, elementCount, type MemoryPlan, type Program, type TensorSpec } from "@sft/kernels";
import { type Precision, storedBytes, viewElements } from "./elements.ts";
import type { Call, Kernel, Operand } from "./kernel.ts";

/** A tensor with its place in memory. Plain data, since worker threads get it by message. */
export interface PlacedTensor {
  readonly address: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface PlacedInstruction {
  readonly op: string;
  readonly inputs: readonly PlacedTensor[];
  readonly outputs: readonly PlacedTensor[];
  readonly attributes: Attributes;
}

/** Scratch of a program: one piece that all threads see, then one piece a thread. */
export interface Scratch {
  readonly address: number;
  readonly sharedBytes: number;
  readonly ownBytes: number;
}

/** A program whose every tensor has an address: what a thread needs to run its part. */
export interface PlacedProgram {
  readonly instructions: readonly PlacedInstruction[];
  readonly scratch: Scratch;
}

/** One phase of one instruction, bound to its memory. */
export interface Step {
  readonly op: string;
  readonly run: () => void;
}

/** Puts every activation into its slot and every external tensor at its buffer's address. */
export function placeProgram(
  program: Program,
  plan: MemoryPlan,
  slotAddresses: readonly number[],
  addressOf: (tensor: TensorSpec) => number,
  scratch: Scratch,
): PlacedProgram {
  const placed = program.tensors.map((tensor, index): PlacedTensor => {
    const slot = plan.slotOf[index];
    const address = tensor.role !== "activation" ? addressOf(tensor) : slot === -1 ? 0 : slotAddresses[slot];
    return { address, dtype: tensor.dtype, shape: tensor.shape };
  });
  const instructions = program.instructions.map(({ op, inputs, outputs, attributes }) => ({
    op,
    inputs: inputs.map((index) => placed[index]),
    outputs: outputs.map((index) => placed[index]),
    attributes,
  }));
  return { instructions, scratch };
}

/** Scratch that the hungriest instruction asks for; instructions follow one another, so they share it. */
export function measureScratch(program: Program, kernels: ReadonlyMap<string, Kernel>): Omit<Scratch, "address"> {
  let sharedBytes = 0;
  let ownBytes = 0;
  for (const { op, inputs, attributes } of program.instructions) {
    const kernel = kernels.get(op)!;
    const types = inputs.map((index) => program.tensors[index]);
    sharedBytes = Math.max(sharedBytes, 8 * (kernel.sharedDoubles?.(types, attributes) ?? 0));
    ownBytes = Math.max(ownBytes, kernel.ownBytes?.(types, attributes) ?? 0);
  }
  const wholeLines = (bytes: number): number => Math.ceil(bytes / 64) * 64;
  return { sharedBytes: wholeLines(sharedBytes), ownBytes: wholeLines(ownBytes) };
}

/** The steps of one thread: views are made once here, so that a run only calls functions. */
export function bindSteps(
  { instructions, scratch }: PlacedProgram,
  kernels: ReadonlyMap<string, Kernel>,
  memory: ArrayBufferLike,
  precision: Precision,
  part: number,
  parts: number,
): readonly Step[] {
  const views = new Map<PlacedTensor, Operand>();
  const operand = (tensor: PlacedTensor): Operand => {
    let view = views.get(tensor);
    if (!view) {
      view = {
        data: viewElements(memory, tensor.dtype, precision, tensor.address, elementCount(tensor.shape)),
        shape: tensor.shape,
        address: tensor.address,
      };
      views.set(tensor, view);
    }
    return view;
  };
  const shared = new Float64Array(memory, scratch.address, scratch.sharedBytes / 8);
  return instructions.flatMap(({ op, inputs, outputs, attributes }) => {
    const call: Call = {
      inputs: inputs.map(operand),
      outputs: outputs.map(operand),
      attributes,
      part,
      parts,
      shared,
      sharedAddress: scratch.address,
      ownAddress: scratch.address + scratch.sharedBytes + part * scratch.ownBytes,
    };
    return kernels.get(op)!.phases.map((phase) => ({ op, run: () => phase(call) }));
  });
}

/** Bytes of the slots in this backend's own element sizes. */
export function slotBytes(plan: MemoryPlan, precision: Precision): readonly number[] {
  return plan.slots.map((bytes) => (bytes / 4) * storedBytes("f32", precision));
}
