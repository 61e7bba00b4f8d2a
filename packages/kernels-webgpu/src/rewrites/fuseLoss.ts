import { byteLength, type Attributes, type Instruction, type Program } from "@sft/kernels";
import type { OpEmitter } from "../dispatch.ts";
import { lossAndGradients, type LossAndGradientsAttributes } from "../ops/crossEntropy/lossAndGradients.ts";
import { ENOUGH_ROWS, GRADIENT_BYTES, LOGIT_BYTES } from "../ops/crossEntropy/chunkSizes.ts";
import { touching } from "./canMove.ts";

/** Name of the instruction that stands for a loss and its gradients. */
const TOGETHER = "lossAndGradients";

/** What training holds of a trained parameter besides itself and its gradient: AdamW's two moments. */
const MOMENTS = 2;
/** Share of all that training holds that twice as many logits may take. */
const SMALL_SHARE = 1 / 20;
/** Share that the logits and gradients of more rows beside them may take together. */
const SHARE_WITH_GRADIENTS = 1 / 16;
/** Rows of gradients at which dWeight's reading and writing is an eighth of its multiplications. */
const MOST_GRADIENT_ROWS = 8 * ENOUGH_ROWS;

/** Whether an instruction is one that `fuseLoss` writes. */
export function isLossWithGradients({ op }: Pick<Instruction, "op">): boolean {
  return op === TOGETHER;
}

/** Kernels of the instructions that `fuseLoss` writes, by op. */
export const lossEmitters: ReadonlyMap<string, OpEmitter> = new Map([[TOGETHER, lossAndGradients]]);

/**
 * Computes the logits of the head once a step: a loss and its gradients by x and by the head's weight, which each compute them,
 * become one instruction in the loss's place. Only where nothing in between writes what the gradients read or touches what they
 * write; else the program stays as it is. Pure; the results are the same bits, but for the sum over the rows of dWeight where chunks
 * are longer. `overlap` tells which bound tensors share memory.
 */
export function fuseLoss(program: Program, overlap: (a: number, b: number) => boolean): Program {
  const replaced = new Map<number, readonly Instruction[]>();
  program.instructions.forEach(({ op }, position) => {
    const parts = op === "linearCrossEntropy" ? partsOfLoss(program, position, overlap) : undefined;
    if (!parts) return;
    const moved = [parts.constant, parts.byHidden, parts.byWeight].filter((one) => one !== undefined);
    for (const gone of moved) replaced.set(gone, []);
    const constant = parts.constant === undefined ? [] : [program.instructions[parts.constant]!];
    replaced.set(position, [...constant, together(program, position, parts)]);
  });
  if (replaced.size === 0) return program;
  return { ...program, instructions: program.instructions.flatMap((one, position) => replaced.get(position) ?? [one]) };
}

/** Positions of the instructions that move to a loss. */
interface PartsOfLoss {
  readonly byHidden: number;
  readonly byWeight: number | undefined;
  /** What writes the gradient of the loss, where that comes after the loss. */
  readonly constant: number | undefined;
}

function partsOfLoss(program: Program, loss: number, overlap: (a: number, b: number) => boolean): PartsOfLoss | undefined {
  const { instructions, tensors } = program;
  const { inputs, outputs, attributes } = instructions[loss]!;
  const operands = [...inputs, outputs[1]!];
  const gradientAfter = (op: string): number | undefined => {
    const found = instructions.findIndex(
      (one, position) =>
        position > loss &&
        one.op === op &&
        operands.every((operand, slot) => one.inputs[slot + 1] === operand) &&
        sameAttributes(one.attributes, attributes),
    );
    return found === -1 ? undefined : found;
  };
  const byHidden = gradientAfter("linearCrossEntropyGrad");
  if (byHidden === undefined) return undefined;
  const dLoss = instructions[byHidden]!.inputs[0]!;
  const weightGradient = gradientAfter("linearCrossEntropyWeightGrad");
  const byWeight = weightGradient !== undefined && instructions[weightGradient]!.inputs[0] === dLoss ? weightGradient : undefined;

  const writersOf = (index: number): readonly number[] =>
    instructions.flatMap((one, position) => (one.outputs.includes(index) ? [position] : []));
  const isActivation = (index: number): boolean => tensors[index]!.role === "activation";
  const constant = writersOf(dLoss).find((position) => position >= loss);
  if (constant !== undefined) {
    const movable = instructions[constant]!.inputs.length === 0 && isActivation(dLoss) && writersOf(dLoss).length === 1;
    if (!movable) return undefined;
  }

  const touch = touching(program, overlap);
  for (const moving of [byHidden, byWeight]) {
    if (moving === undefined) continue;
    const { inputs: reads, outputs: writes } = instructions[moving]!;
    if (writes.some((index) => isActivation(index) && writersOf(index).length > 1)) return undefined;
    if (touch(writes, [...operands, ...outputs, dLoss])) return undefined;
    for (let position = loss + 1; position < moving; position++) {
      const between = instructions[position]!;
      if (position === constant || position === byHidden || position === byWeight) continue;
      if (touch(between.outputs, [...reads, ...writes]) || touch(between.inputs, writes)) return undefined;
    }
  }
  return { byHidden, byWeight, constant };
}

function together(program: Program, position: number, { byHidden, byWeight }: PartsOfLoss): Instruction {
  const [loss, hidden] = [program.instructions[position]!, program.instructions[byHidden]!];
  const weight = byWeight === undefined ? undefined : program.instructions[byWeight]!;
  return {
    ...loss,
    op: TOGETHER,
    inputs: [...loss.inputs, hidden.inputs[0]!, ...(weight?.inputs.slice(7) ?? [])],
    outputs: [...loss.outputs, ...hidden.outputs, ...(weight?.outputs ?? [])],
    attributes: {
      ...loss.attributes,
      ...(weight ? rowsWithWeight(program, loss.inputs[1]!) : { chunkRows: ENOUGH_ROWS, gradientRows: 0 }),
    },
  };
}

/**
 * Rows where the head is trained: each part of them reads and writes all of dWeight in float32, which takes as long as its
 * multiplications at 512 rows. So a chunk is twice as long where its logits take a twentieth at most of parameters, gradients and
 * moments, and where gradients can lie apart there are as many of them as make a sixteenth with these logits.
 */
function rowsWithWeight({ tensors }: Program, weight: number): Pick<LossAndGradientsAttributes, "chunkRows" | "gradientRows"> {
  const held = tensors.reduce(
    (sum, tensor) => sum + (tensor.role === "activation" ? 0 : byteLength(tensor) * (tensor.role === "gradient" ? 1 + MOMENTS : 1)),
    0,
  );
  const rowBytes = tensors[weight]!.shape[0]! * LOGIT_BYTES;
  const chunkRows = 2 * ENOUGH_ROWS * rowBytes <= SMALL_SHARE * held ? 2 * ENOUGH_ROWS : ENOUGH_ROWS;
  const fitting = Math.floor((SHARE_WITH_GRADIENTS * held - chunkRows * rowBytes) / (tensors[weight]!.shape[0]! * GRADIENT_BYTES));
  return { chunkRows, gradientRows: Math.max(0, Math.min(fitting, MOST_GRADIENT_ROWS)) };
}

function sameAttributes(a: Attributes, b: Attributes): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
