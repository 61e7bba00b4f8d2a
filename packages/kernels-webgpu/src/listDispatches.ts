import { byteLength, planMemory, type MemoryPlan, type OpDefinition, type Program } from "@sft/kernels";
import { resolveDispatch, type Dispatch, type KernelLimits } from "./dispatch.ts";
import { fuseResidual } from "./fuseResidual.ts";
import { storeHalf } from "./halfStorage.ts";
import type { Operand } from "./operand.ts";
import { opEmitters } from "./ops/index.ts";
import { repeatCheap } from "./repeatCheap.ts";

/** A program as kernel launches over numbered storages; needs no GPU. */
export interface DispatchList {
  /** The program as it runs: fused, with cheap results computed again instead of kept, and activations in float16 on matrix units. Bound tensors keep their numbers. */
  readonly program: Program;
  readonly dispatches: readonly Dispatch[];
  /** Instruction of `program` that each dispatch belongs to. */
  readonly instructionOf: Int32Array;
  readonly plan: MemoryPlan;
  /** Bytes of the memory that instructions use between their own dispatches, by number. */
  readonly scratchSlots: readonly number[];
  /** What a storage number stands for. */
  readonly storages: readonly Storage[];
}

/** A bound tensor of the program, a slot of the memory plan, or a slot of scratch memory. */
export type Storage =
  | { readonly kind: "external"; readonly tensor: number }
  | { readonly kind: "activation" | "scratch"; readonly slot: number };

const ALIGNMENT = 256;

/**
 * Lists the dispatches of a program whose ops all have kernels. `sameBuffer` tells which external tensors are one buffer, by
 * giving the first tensor bound to it.
 */
export function listDispatches(
  source: Program,
  table: ReadonlyMap<string, OpDefinition>,
  limits: KernelLimits,
  sameBuffer: (tensor: number) => number = (tensor) => tensor,
): DispatchList {
  const program = storeHalf(fuseResidual(repeatCheap(source, table)), limits);
  const plan = planMemory(program, table);
  const storages: Storage[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (storage: Storage): number => {
    const key = storage.kind === "external" ? `external ${storage.tensor}` : `${storage.kind} ${storage.slot}`;
    let number = numbers.get(key);
    if (number === undefined) {
      number = storages.push(storage) - 1;
      numbers.set(key, number);
    }
    return number;
  };
  const operandOf = (index: number): Operand => {
    const { shape, dtype, role } = program.tensors[index]!;
    const storage = numberOf(
      role === "activation" ? { kind: "activation", slot: plan.slotOf[index]! } : { kind: "external", tensor: sameBuffer(index) },
    );
    return { shape, dtype, storage };
  };

  const dispatches: Dispatch[] = [];
  const instructionOf: number[] = [];
  const scratchSlots: number[] = [];
  program.instructions.forEach((instruction, position) => {
    let scratchUsed = 0;
    opEmitters.get(instruction.op)!(
      {
        limits,
        scratch(type) {
          const slot = scratchUsed++;
          scratchSlots[slot] = Math.max(scratchSlots[slot] ?? 0, Math.ceil(Math.max(4, byteLength(type)) / ALIGNMENT) * ALIGNMENT);
          return { ...type, storage: numberOf({ kind: "scratch", slot }) };
        },
        dispatch(kernel, bindings, parameters, workgroups) {
          const dispatch = resolveDispatch(kernel, bindings, parameters, workgroups);
          if (!dispatch) return;
          dispatches.push(dispatch);
          instructionOf.push(position);
        },
      },
      {
        op: instruction.op,
        inputs: instruction.inputs.map(operandOf),
        outputs: instruction.outputs.map(operandOf),
        attributes: instruction.attributes,
      },
    );
  });
  return { program, dispatches, instructionOf: Int32Array.from(instructionOf), plan, scratchSlots, storages };
}
