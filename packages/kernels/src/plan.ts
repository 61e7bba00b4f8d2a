import type { OpDefinition } from "./op.ts";
import type { Program } from "./program.ts";
import { shareSlots } from "./sharedSlots.ts";
import { byteLength } from "./tensor.ts";

/** Where a program's activations live. A slot is one buffer that several activations use one after the other. */
export interface MemoryPlan {
  /** Bytes of each slot, a multiple of `alignment`. */
  readonly slots: readonly number[];
  /** Slot of each tensor by index in the program's table; -1 for external tensors and for activations nobody writes. */
  readonly slotOf: Int32Array;
  /** Slot of each piece of scratch memory that was asked for, in that order. */
  readonly scratchSlotOf: Int32Array;
  /** Sum of all slots: the memory of a run besides what the caller binds. */
  readonly activationBytes: number;
  /** Bytes of the tensors that the caller binds. */
  readonly externalBytes: number;
  /**
   * Largest sum of live activations and scratch at any instruction, an output that may take over a dying input counted together with
   * it: no plan can need less.
   */
  readonly lowerBoundBytes: number;
}

/** Memory that one instruction needs while it runs. */
export interface ScratchRequest {
  /** Position of the instruction. */
  readonly position: number;
  readonly bytes: number;
}

/** Position of the last instruction that reads or writes each tensor; -1 when none does. */
export function lastUses(program: Program): Int32Array {
  const last = new Int32Array(program.tensors.length).fill(-1);
  program.instructions.forEach((instruction, position) => {
    for (const index of instruction.inputs) last[index] = position;
    for (const index of instruction.outputs) last[index] = position;
  });
  return last;
}

/**
 * Assigns activations and scratch memory to reusable slots: an output takes over the memory of a dying input where the op allows
 * it, and what is left to place shares slots by size and lifetime (`shareSlots`). Pure: the same program gives the same plan.
 */
export function planMemory(
  program: Program,
  table: ReadonlyMap<string, OpDefinition>,
  options: { readonly alignment?: number; readonly scratch?: readonly ScratchRequest[] } = {},
): MemoryPlan {
  const { alignment = 256, scratch = [] } = options;
  const last = lastUses(program);
  const aligned = (bytes: number): number => Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
  const sizes = program.tensors.map((tensor) => aligned(byteLength(tensor)));
  const scratchAt = new Float64Array(program.instructions.length);
  for (const { position, bytes } of scratch) scratchAt[position]! += aligned(bytes);
  /** Number of the lifetime that each activation is part of: its own, or that of the input whose memory it took over. */
  const lifetimeOf = new Int32Array(program.tensors.length).fill(-1);
  const lifetimes: { start: number; end: number; bytes: number }[] = [];
  let liveBytes = 0;
  let lowerBoundBytes = 0;

  program.instructions.forEach((instruction, position) => {
    const handedOver = new Set<number>();
    let shareableBytes = 0;
    instruction.outputs.forEach((output, outputSlot) => {
      if (program.tensors[output]!.role !== "activation" || lifetimeOf[output] !== -1) return;
      liveBytes += sizes[output]!;
      const candidates = dyingInputs(program, table, position, outputSlot, last);
      shareableBytes += Math.max(0, ...candidates.map((input) => Math.min(sizes[input]!, sizes[output]!)));
      const end = last[output]!;
      const donor = candidates.find((input) => !handedOver.has(input) && sizes[input]! >= sizes[output]!);
      if (donor === undefined) {
        lifetimeOf[output] = lifetimes.push({ start: position, end, bytes: sizes[output]! }) - 1;
      } else {
        handedOver.add(donor);
        lifetimeOf[output] = lifetimeOf[donor]!;
        lifetimes[lifetimeOf[donor]!]!.end = end;
      }
    });
    lowerBoundBytes = Math.max(lowerBoundBytes, liveBytes - shareableBytes + scratchAt[position]!);
    for (const index of new Set([...instruction.inputs, ...instruction.outputs])) {
      if (last[index] === position && lifetimeOf[index] !== -1) liveBytes -= sizes[index]!;
    }
  });

  const placed = lifetimes.length;
  for (const { position, bytes } of scratch) lifetimes.push({ start: position, end: position, bytes: aligned(bytes) });
  const { slots, slotOf } = shareSlots(lifetimes);
  return {
    slots,
    slotOf: lifetimeOf.map((lifetime) => (lifetime === -1 ? -1 : slotOf[lifetime]!)),
    scratchSlotOf: slotOf.slice(placed),
    activationBytes: slots.reduce((sum, bytes) => sum + bytes, 0),
    externalBytes: program.tensors.reduce((sum, tensor) => sum + (tensor.role === "activation" ? 0 : byteLength(tensor)), 0),
    lowerBoundBytes,
  };
}

/**
 * Inputs whose storage this output may take over: activations of the same element type that die here, are read once and not
 * written, and that the op allows.
 */
function dyingInputs(
  program: Program,
  table: ReadonlyMap<string, OpDefinition>,
  position: number,
  outputSlot: number,
  last: Int32Array,
): readonly number[] {
  const { op, inputs, outputs } = program.instructions[position]!;
  const { dtype } = program.tensors[outputs[outputSlot]!]!;
  return (table.get(op)?.mayAlias ?? []).flatMap(([aliasOutput, aliasInput]) => {
    const input = inputs[aliasInput];
    if (aliasOutput !== outputSlot || input === undefined || program.tensors[input]!.role !== "activation") return [];
    if (program.tensors[input]!.dtype !== dtype) return [];
    const readTwice = inputs.indexOf(input) !== inputs.lastIndexOf(input);
    return !readTwice && last[input] === position && !outputs.includes(input) ? [input] : [];
  });
}
