import type { Instruction, OpDefinition, Program } from "@sft/kernels";
import type { KernelLimits, OpEmitter } from "../dispatch.ts";
import { activationGrad, gatedActivationGrad } from "../ops/elementwise/activation.ts";
import { canMove } from "./canMove.ts";
import { mostBuffers } from "./sideBySide.ts";
import { tensorUses, type TensorUses } from "./tensorUses.ts";

/** Instructions between a result that is computed again and its op's gradient, so that what reads both waits for a layer at most. */
const FARTHEST = 24;

/** Ops whose results their gradients' kernels can write. */
const REPEATED: ReadonlySet<string> = new Set(["rmsNorm", "activation", "gatedActivation"]);

/** Ops of this backend alone: an activation function's gradients and last its result; all may take over what is read. */
const WITH_RESULT: ReadonlyMap<string, { readonly op: string; readonly emitter: OpEmitter; readonly mayAlias: OpDefinition["mayAlias"] }> =
  new Map([
    [
      "activationGrad",
      {
        op: "activationGradAndResult",
        emitter: activationGrad,
        mayAlias: [
          [0, 1],
          [1, 0],
        ],
      },
    ],
    [
      "gatedActivationGrad",
      {
        op: "gatedActivationGradAndResult",
        emitter: gatedActivationGrad,
        mayAlias: [
          [0, 1],
          [1, 2],
          [2, 0],
        ],
      },
    ],
  ]);

/** Definitions of the ops that `repeatInGradient` writes, for the planning of memory. */
export const definitionsWithResult: readonly OpDefinition[] = [...WITH_RESULT.values()].map(({ op, mayAlias }) => ({
  name: op,
  infer: (inputs) => inputs.map(({ shape }) => ({ shape, dtype: "f32" })),
  mayAlias: mayAlias!,
}));

/** Kernels of the instructions that `repeatInGradient` writes, by op. */
export const emittersWithResult: ReadonlyMap<string, OpEmitter> = new Map(
  [...WITH_RESULT.values()].map(({ op, emitter }) => [op, emitter] as const),
);

/**
 * Lets the kernel of an op's gradient, which reads what the op reads, write a cheap result that is computed again for the gradients of
 * weights just before it: these products then stand after it. Only where nothing in between touches what they write or writes what they
 * read. Pure; the values are the same bits. `overlap` tells which bound tensors share memory.
 */
export function repeatInGradient(program: Program, limits: KernelLimits, overlap: (a: number, b: number) => boolean): Program {
  const { instructions } = program;
  const uses = tensorUses(program);
  const gone = new Set<number>();
  const waiting = new Map<number, readonly number[]>();
  const replaced = new Map<number, Instruction>();
  instructions.forEach((repeated, position) => {
    const [result, ...others] = repeated.outputs as [number, ...number[]];
    if (!REPEATED.has(repeated.op) || uses.writerOf(result) !== position || others.some((other) => uses.readsOf(other) > 0)) return;
    const near = instructions.slice(position + 1, position + 1 + FARTHEST);
    const distance = near.findIndex((one, at) => !replaced.has(position + 1 + at) && isGradientOf(program, uses, one, repeated));
    if (distance === -1) return;
    const gradient = position + 1 + distance;
    const found = near[distance]!;
    if (found.inputs.length + found.outputs.length + 1 > mostBuffers(limits)) return;
    const readers = instructions.flatMap(({ inputs }, at) => (at <= gradient && inputs.includes(result) ? [at] : []));
    const canWait = (at: number): boolean => at < gradient && !gone.has(at) && !replaced.has(at) && canMove(program, at, gradient, overlap);
    if (!readers.every(canWait)) return;
    for (const at of [position, ...readers]) gone.add(at);
    waiting.set(gradient, readers);
    const op = WITH_RESULT.get(found.op)?.op ?? found.op;
    replaced.set(gradient, {
      ...found,
      op,
      outputs: [...found.outputs, result],
      attributes: { ...found.attributes, repeats: true },
    });
  });
  if (gone.size === 0) return program;
  return {
    ...program,
    instructions: instructions.flatMap((one, position) =>
      gone.has(position) ? [] : [replaced.get(position) ?? one, ...(waiting.get(position) ?? []).map((at) => instructions[at]!)],
    ),
  };
}

/** Whether an instruction is the gradient of an op with these operands and attributes, with a kernel that can write its result. */
function isGradientOf(
  { instructions }: Program,
  { writerOf }: TensorUses,
  gradient: Instruction,
  { op, inputs, attributes }: Instruction,
): boolean {
  const alike = (one: readonly number[], other: readonly number[]): boolean => one.every((input, slot) => input === other[slot]);
  const same = (other: Instruction, ...names: readonly string[]): boolean =>
    names.every((name) => other.attributes[name] === attributes[name]);
  if (op !== "rmsNorm") return gradient.op === `${op}Grad` && alike(inputs, gradient.inputs.slice(1)) && same(gradient, "kind");
  if (gradient.op !== "normGradients" || gradient.attributes["centred"] === true || !alike(inputs, gradient.inputs.slice(1))) return false;
  const norm = instructions[writerOf(gradient.inputs[3]!) ?? -1];
  return norm?.op === op && alike(inputs, norm.inputs) && same(norm, "epsilon", "weightOffset");
}
