import { elementCount, type Instruction, type Program, type TensorSpec } from "@sft/kernels";
import type { KernelLimits, OpEmitter } from "../dispatch.ts";
import { sumBlocks } from "../ops/bias/columnSum.ts";
import { blockSumsType, canKeepSums, normGradients } from "../ops/normalisation/normGradients.ts";
import { canMove } from "./canMove.ts";
import { mostBuffers } from "./sideBySide.ts";

/** By the op of a norm's gradient by x: that of its gradient by the weight. */
const BY_WEIGHT: ReadonlyMap<string, string> = new Map([
  ["rmsNormGrad", "rmsNormWeightGrad"],
  ["layerNormGrad", "layerNormWeightGrad"],
]);

/** Names of the instructions that stand for both, and for what is left of the second. */
const TOGETHER = "normGradients";
const SUM = "sumBlocks";

/** Kernels of the instructions that `fuseNormGradients` writes, by op. */
export const normEmitters: ReadonlyMap<string, OpEmitter> = new Map([
  [TOGETHER, normGradients],
  [SUM, sumBlocks],
]);

/**
 * Lets the kernel of a norm's gradient by x keep the sums over rows that its gradient by the weight is made of, so that x and dy are
 * read once for both; what is left of the second adds up the sums of blocks of rows. Only where nothing between the two touches what
 * the second writes or writes what it reads. Pure; sums over rows are taken in another order. `overlap` tells which bound tensors
 * share memory.
 */
export function fuseNormGradients(program: Program, limits: KernelLimits, overlap: (a: number, b: number) => boolean): Program {
  const tensors: TensorSpec[] = [...program.tensors];
  const replaced = new Map<number, readonly Instruction[]>();
  program.instructions.forEach((byX, position) => {
    const op = BY_WEIGHT.get(byX.op);
    if (op === undefined || !fits(program, byX, limits)) return;
    const second = program.instructions.findIndex(
      (one, other) => one.op === op && !replaced.has(other) && readsAlike(byX, one) && canMove(program, other, position, overlap),
    );
    if (second === -1) return;
    const { inputs, outputs } = program.instructions[second]!;
    const width = program.tensors[byX.inputs[2]!]!.shape[0]!;
    const type = blockSumsType(program.tensors[byX.inputs[1]!]!, width, outputs.length, limits.matrixUnits === true);
    const sums = tensors.push({ ...type, name: `${tensors[outputs[0]!]!.name}.blocks`, role: "activation" }) - 1;
    const centred = byX.op === "layerNormGrad";
    replaced.set(position, [
      { ...byX, op: TOGETHER, outputs: [...byX.outputs, sums], attributes: { ...byX.attributes, centred } },
      { op: SUM, inputs: [sums, ...inputs.slice(statisticsEnd(byX) - 1)], outputs, attributes: {} },
    ]);
    replaced.set(second, []);
  });
  if (replaced.size === 0) return program;
  return { ...program, tensors, instructions: program.instructions.flatMap((one, position) => replaced.get(position) ?? [one]) };
}

/** Operands of a gradient by x up to its row statistics: dy, x, weight, perhaps the means, 1 / deviation. */
function statisticsEnd({ op }: Instruction): number {
  return op === "layerNormGrad" ? 5 : 4;
}

function readsAlike(byX: Instruction, byWeight: Instruction): boolean {
  const read = byX.inputs.slice(0, statisticsEnd(byX)).filter((_, slot) => slot !== 2);
  return read.every((operand, slot) => byWeight.inputs[slot] === operand);
}

/** Whether one launch can bind and keep all of it, and there is something to add up. */
function fits({ tensors }: Program, { inputs, outputs }: Instruction, limits: KernelLimits): boolean {
  const count = elementCount(tensors[inputs[1]!]!.shape);
  if (count === 0 || 4 * count > limits.maxBindingBytes || inputs.length + outputs.length + 1 > mostBuffers(limits)) return false;
  return canKeepSums(tensors[inputs[2]!]!.shape[0]!);
}
