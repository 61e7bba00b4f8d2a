import { ProgramError } from "./errors.ts";
import type { Instruction, Program } from "./program.ts";
import type { TensorSpec } from "./tensor.ts";

/**
 * Activation recomputation by block (Chen et al. 2016): of every section "block.<n>" but the last only those activations are
 * kept that something outside the block reads in the forward pass; what the backward pass reads besides is computed again, by
 * the same instructions, right before its first use. Trades one more forward pass for the memory of all blocks but one.
 * Pure; a program without blocks or without a "backward" section is returned as it is. Results are the same bits.
 * @throws ProgramError "invalid-program" for a block that updates a bound tensor, since that cannot be done twice.
 */
export function recomputeBlocks(program: Program): Program {
  const blocks = blockInstructions(program);
  const last = [...blocks.keys()].at(-1);
  const producer = new Map<number, string>();
  for (const [block, instructions] of blocks) {
    for (const { outputs } of instructions) for (const output of outputs) producer.set(output, block);
  }
  const kept = keptOutside(program, producer);
  const needed = neededByBackward(program, producer, kept, last);
  if (needed.size === 0) return program;

  const tensors: TensorSpec[] = [...program.tensors];
  const instructions: Instruction[] = [];
  const replacement = new Map<number, number>();
  const recomputed = new Set<string>();
  for (const instruction of program.instructions) {
    if (instruction.section !== "backward") {
      instructions.push(instruction);
      continue;
    }
    for (const input of instruction.inputs) {
      const block = producer.get(input);
      if (block === undefined || recomputed.has(block) || !needed.get(block)?.has(input)) continue;
      recomputed.add(block);
      instructions.push(...again(program, blocks.get(block)!, needed.get(block)!, kept, replacement, tensors));
    }
    instructions.push({ ...instruction, inputs: instruction.inputs.map((input) => replacement.get(input) ?? input) });
  }
  return { ...program, tensors, instructions };
}

/** The forward instructions of each block, blocks in order of their first instruction. */
function blockInstructions(program: Program): ReadonlyMap<string, readonly Instruction[]> {
  const blocks = new Map<string, Instruction[]>();
  for (const instruction of program.instructions) {
    if (!instruction.section?.startsWith("block.")) continue;
    if (instruction.outputs.some((output) => program.tensors[output]!.role !== "activation")) {
      throw new ProgramError(
        "invalid-program",
        `program ${program.name}: ${instruction.section} writes ${program.tensors[instruction.outputs[0]!]!.name} and cannot be recomputed`,
        { op: instruction.op },
      );
    }
    const list = blocks.get(instruction.section) ?? [];
    list.push(instruction);
    blocks.set(instruction.section, list);
  }
  return blocks;
}

/** Block activations that an instruction of the forward pass outside the block reads. */
function keptOutside(program: Program, producer: ReadonlyMap<number, string>): ReadonlySet<number> {
  const kept = new Set<number>();
  for (const { section, inputs } of program.instructions) {
    if (section === "backward") continue;
    for (const input of inputs) if (producer.has(input) && producer.get(input) !== section) kept.add(input);
  }
  return kept;
}

/** By block: the activations that the backward pass reads and that were not kept. The last block's are still there when it starts. */
function neededByBackward(
  program: Program,
  producer: ReadonlyMap<number, string>,
  kept: ReadonlySet<number>,
  last: string | undefined,
): ReadonlyMap<string, ReadonlySet<number>> {
  const needed = new Map<string, Set<number>>();
  for (const { section, inputs } of program.instructions) {
    if (section !== "backward") continue;
    for (const input of inputs) {
      const block = producer.get(input);
      if (block === undefined || block === last || kept.has(input)) continue;
      needed.set(block, (needed.get(block) ?? new Set()).add(input));
    }
  }
  return needed;
}

/** The block's instructions that lead to what is needed, writing to new tensors; records each new tensor as a replacement. */
function again(
  program: Program,
  block: readonly Instruction[],
  needed: ReadonlySet<number>,
  kept: ReadonlySet<number>,
  replacement: Map<number, number>,
  tensors: TensorSpec[],
): readonly Instruction[] {
  const wanted = new Set(needed);
  const chosen: Instruction[] = [];
  for (const instruction of [...block].reverse()) {
    if (!instruction.outputs.some((output) => wanted.has(output))) continue;
    chosen.push(instruction);
    for (const input of instruction.inputs) if (!kept.has(input)) wanted.add(input);
  }
  return chosen.reverse().map((instruction) => {
    const inputs = instruction.inputs.map((input) => replacement.get(input) ?? input);
    const outputs = instruction.outputs.map((output) => {
      const spec = program.tensors[output]!;
      tensors.push({ ...spec, name: `${spec.name}.again` });
      replacement.set(output, tensors.length - 1);
      return tensors.length - 1;
    });
    return { ...instruction, inputs, outputs, section: "backward" };
  });
}
