import {
  byteLength,
  planMemory,
  type Instruction,
  type MemoryPlan,
  type OpDefinition,
  type Program,
  type ScratchRequest,
} from "@sft/kernels";
import { resolveDispatch, type Dispatch, type Emitter, type KernelLimits, type OpCall, type OpEmitter } from "./dispatch.ts";
import { fuseCopy } from "./rewrites/fuseCopy.ts";
import { gatedEmitters, fuseGated } from "./rewrites/fuseGated.ts";
import { lossEmitters, fuseLoss } from "./rewrites/fuseLoss.ts";
import { lowRankEmitters, foldLowRank } from "./rewrites/foldLowRank.ts";
import { normEmitters, fuseNormGradients } from "./rewrites/fuseNormGradients.ts";
import { fuseResidual } from "./rewrites/fuseResidual.ts";
import { groupAlike } from "./rewrites/groupAlike.ts";
import { storeHalf } from "./rewrites/halfStorage.ts";
import type { Operand } from "./operand.ts";
import { opEmitters } from "./ops/index.ts";
import { lowRankDefinition } from "./ops/matmul/lowRankProduct.ts";
import { repeatCheap } from "./rewrites/repeatCheap.ts";
import { definitionsWithResult, emittersWithResult, repeatInGradient } from "./rewrites/repeatInGradient.ts";
import { emitSideBySide, membersOf } from "./rewrites/sideBySide.ts";
import { emitterOfParts, sumTogether } from "./rewrites/sumTogether.ts";

/** Kernels and definitions of the ops that the rewrites write, by op; an op without a definition has outputs of memory of their own. */
const ownEmitters: ReadonlyMap<string, OpEmitter> = new Map(
  [lowRankEmitters, gatedEmitters, lossEmitters, normEmitters, emittersWithResult].flatMap((own) => [...own]),
);
const ownDefinitions = new Map([lowRankDefinition, ...definitionsWithResult].map((one) => [one.name, one] as const));

/** A program as kernel launches over numbered storages; needs no GPU. */
export interface DispatchList {
  /** The program as it runs: fused, with cheap results computed again instead of kept, and on matrix units activations in float16, low-rank pairs in the product of the base weights, gate and up with their activation, and sums of split products together. Bound tensors keep their numbers. */
  readonly program: Program;
  readonly dispatches: readonly Dispatch[];
  /** Instruction of `program` that each dispatch belongs to. */
  readonly instructionOf: Int32Array;
  /** Memory of activations, and of what instructions use between their own dispatches. */
  readonly plan: MemoryPlan;
  /** What a storage number stands for. */
  readonly storages: readonly Storage[];
}

/** A bound tensor of the program, or a slot of the memory plan. */
export type Storage = { readonly kind: "external"; readonly tensor: number } | { readonly kind: "planned"; readonly slot: number };

/**
 * Lists the dispatches of a program whose ops all have kernels. `sameBuffer` tells which external tensors are one buffer, by
 * giving the first tensor bound to it; `overlap` which ones share memory.
 */
export function listDispatches(
  source: Program,
  table: ReadonlyMap<string, OpDefinition>,
  limits: KernelLimits,
  sameBuffer: (tensor: number) => number = (tensor) => tensor,
  overlap: (a: number, b: number) => boolean = (a, b) => sameBuffer(a) === sameBuffer(b),
): DispatchList {
  const fused = fuseResidual(repeatCheap(fuseLoss(source, overlap), table));
  const stored = repeatInGradient(fuseNormGradients(fuseCopy(storeHalf(fused, limits)), limits, overlap), limits, overlap);
  const program = groupAlike(sumTogether(fuseGated(foldLowRank(stored, limits), limits), limits, sameBuffer), limits);
  const plan = planMemory(program, new Map([...table, ...ownDefinitions]), { scratch: scratchRequests(program, limits) });
  const storages: Storage[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (storage: Storage): number => {
    const key = storage.kind === "external" ? `external ${storage.tensor}` : `planned ${storage.slot}`;
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
      role === "activation" ? { kind: "planned", slot: plan.slotOf[index]! } : { kind: "external", tensor: sameBuffer(index) },
    );
    return { shape, dtype, storage };
  };

  const dispatches: Dispatch[] = [];
  const instructionOf: number[] = [];
  let scratchUsed = 0;
  program.instructions.forEach((instruction, position) => {
    emitInstruction(instruction, operandOf, {
      limits,
      scratch: (type) => ({ ...type, storage: numberOf({ kind: "planned", slot: plan.scratchSlotOf[scratchUsed++]! }) }),
      dispatch(kernel, bindings, parameters, workgroups) {
        const dispatch = resolveDispatch(kernel, bindings, parameters, workgroups);
        if (!dispatch) return;
        dispatches.push(dispatch);
        instructionOf.push(position);
      },
    });
  });
  return { program, dispatches, instructionOf: Int32Array.from(instructionOf), plan, storages };
}

/** What the instructions will ask for as scratch memory, in order: it depends on shapes and types, not on where operands lie. */
function scratchRequests(program: Program, limits: KernelLimits): readonly ScratchRequest[] {
  const requests: ScratchRequest[] = [];
  const operandOf = (index: number): Operand => ({ ...program.tensors[index]!, storage: index });
  program.instructions.forEach((instruction, position) => {
    emitInstruction(instruction, operandOf, {
      limits,
      scratch(type) {
        requests.push({ position, bytes: byteLength(type) });
        return { ...type, storage: program.tensors.length + requests.length };
      },
      dispatch: () => undefined,
    });
  });
  return requests;
}

function emitInstruction(instruction: Instruction, operandOf: (index: number) => Operand, emitter: Emitter): void {
  const { op, inputs, outputs, attributes } = instruction;
  const call: OpCall = { op, inputs: inputs.map(operandOf), outputs: outputs.map(operandOf), attributes };
  const members = membersOf(call);
  if (members.length > 1) emitSideBySide(emitter, members, emitterOf);
  else emitterOf(call)(emitter, call);
}

function emitterOf(call: Pick<OpCall, "op" | "attributes">): OpEmitter {
  return emitterOfParts(call) ?? ownEmitters.get(call.op) ?? opEmitters.get(call.op)!;
}
