import type { Instruction, Program, TensorRole } from "@sft/kernels";
import type { KernelLimits, OpCall, OpEmitter } from "../dispatch.ts";
import type { Operand } from "../operand.ts";
import { lowRankDefinition, lowRankProduct, lowRankTile } from "../ops/matmul/lowRankProduct.ts";
import { tensorUses } from "./tensorUses.ts";

/** Roles of bound tensors that nothing between two products of one pass writes, nor any view of them. */
const FIXED: ReadonlySet<TensorRole> = new Set(["parameter", "input"]);
const MAY_BE_WRITTEN: ReadonlySet<TensorRole> = new Set(["activation", "gradient", "state", "output"]);

/** Kernels of the instructions that `foldLowRank` writes, by op. */
export const lowRankEmitters: ReadonlyMap<string, OpEmitter> = new Map([[lowRankDefinition.name, lowRankProduct]]);

/**
 * Makes one instruction of LoRA's second product and the product of the base weights, one of which is added to the other and read by
 * nobody else: in the forward pass y = alpha t B^T + (x W^T + addend), in the backward pass dx = dy W + (dt A + addend). It stands
 * where the later one stood; a bias between them is added after it. Only on matrix units, for products with a kernel for it (`lowRankTile`). Sums of both are float32 until
 * they are stored, so that one rounding to a float16 y goes. Pure. `hasKernel` tells which of the new instructions can be launched.
 */
export function foldLowRank(
  program: Program,
  limits: KernelLimits,
  hasKernel: (call: OpCall) => boolean = (call) => lowRankTile(limits, call) !== undefined,
): Program {
  if (!limits.matrixUnits) return program;
  const { instructions } = program;
  const { readsOf, writerOf } = tensorUses(program);
  const folded = new Map<number, readonly Instruction[]>();
  const gone = new Set<number>();
  /** Position of the one instruction that writes a tensor which is read once, if neither is part of a pair yet and it can move to `to`. */
  const movable = (tensor: number, to: number): number | undefined => {
    const source = writerOf(tensor);
    if (source === undefined || source >= to || readsOf(tensor) !== 1 || folded.has(source)) return undefined;
    return canMove(program, source, to) ? source : undefined;
  };
  instructions.forEach((later, position) => {
    if (!isPlainProduct(later) || later.inputs.length !== 3) return;
    const source = movable(later.inputs[2]!, position);
    const bias = source !== undefined && instructions[source]!.op === "addBias" ? instructions[source]! : undefined;
    const from = bias ? movable(bias.inputs[0]!, position) : source;
    if (source === undefined || from === undefined) return;
    const earlier = instructions[from]!;
    const outputs = bias ? earlier.outputs : later.outputs;
    if (!isPlainProduct(earlier) || program.tensors[earlier.outputs[0]!]!.dtype !== program.tensors[outputs[0]!]!.dtype) return;
    const pair = [pairOf(earlier, later, earlier, outputs), pairOf(later, earlier, earlier, outputs)].find((one) =>
      hasKernel(callOf(program, one)),
    );
    if (!pair) return;
    folded.set(position, bias ? [pair, { ...bias, outputs: later.outputs }] : [pair]);
    for (const one of [source, from]) gone.add(one);
  });
  if (gone.size === 0) return program;
  return {
    ...program,
    instructions: instructions.flatMap((one, position) => (gone.has(position) ? [] : (folded.get(position) ?? [one]))),
  };
}

function isPlainProduct({ op, attributes }: Instruction): boolean {
  return op === "matmul" && attributes["transposeA"] !== true;
}

function pairOf(base: Instruction, second: Instruction, earlier: Instruction, outputs: readonly number[]): Instruction {
  return {
    ...base,
    outputs,
    op: lowRankDefinition.name,
    inputs: [...base.inputs.slice(0, 2), ...second.inputs.slice(0, 2), ...earlier.inputs.slice(2)],
    attributes: {
      transposeB: base.attributes["transposeB"]!,
      alpha: base.attributes["alpha"]!,
      transposeWide: second.attributes["transposeB"]!,
      lowRankAlpha: second.attributes["alpha"]!,
    },
  };
}

function callOf({ tensors }: Program, { op, inputs, outputs, attributes }: Instruction): OpCall {
  const operandOf = (index: number): Operand => ({ ...tensors[index]!, storage: index });
  return { op, inputs: inputs.map(operandOf), outputs: outputs.map(operandOf), attributes };
}

/** Whether the instruction at `from` reads the same values at `to`. */
function canMove({ instructions, tensors }: Program, from: number, to: number): boolean {
  const { inputs } = instructions[from]!;
  if (inputs.some((index) => tensors[index]!.role !== "activation" && !FIXED.has(tensors[index]!.role))) return false;
  const written = instructions.slice(from + 1, to).flatMap(({ outputs }) => outputs);
  return written.every((index) => !inputs.includes(index) && MAY_BE_WRITTEN.has(tensors[index]!.role));
}
