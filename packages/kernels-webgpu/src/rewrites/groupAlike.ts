import type { Instruction, Program, TensorRole } from "@sft/kernels";
import type { KernelLimits } from "../dispatch.ts";
import { lowRankDefinition } from "../ops/matmul/lowRankProduct.ts";
import { MOST_BUFFERS, sideBySideInstruction } from "./sideBySide.ts";

/** Roles of bound tensors that an instruction of a group may read. */
const FIXED: ReadonlySet<TensorRole> = new Set(["parameter", "input"]);
/** Instructions that one may be moved across, so that no result lives much longer: about a layer. */
const FARTHEST = 24;
/** Ops whose kernels differ by the width of rows at most; those of one width share a launch. */
const BY_ROWS: ReadonlySet<string> = new Set(["rope", "addBias"]);
/** Rows or columns up to which a product is thin: a LoRA rank. */
const THIN = 64;

interface Group {
  readonly key: string | undefined;
  readonly members: Instruction[];
}

/**
 * Lets instructions that do not depend on each other and run the same kernel share a launch: LoRA's thin products of query, key and
 * value, and of gate and up; rope of query and key, their biases; products of one shape; float16 copies of a layer's weights. Each is moved up to the one it joins or, where what it
 * reads is not there yet, that one down to it. Pure; the values are the same bits. Only on matrix units, where kernels may bind enough buffers.
 */
export function groupAlike(program: Program, limits: KernelLimits): Program {
  if (!limits.matrixUnits) return program;
  const groups: Group[] = [];
  const open = new Map<string, Group>();
  for (const instruction of program.instructions) {
    const key = keyOf(program, instruction);
    const other = key === undefined ? undefined : open.get(key);
    if (other && join(program, groups, other, instruction)) continue;
    const group: Group = { key, members: [instruction] };
    if (key !== undefined) open.set(key, group);
    // Rope waits for nobody after it: as early as can be, so that the products that read it can join others.
    groups.splice(instruction.op === "rope" && key !== undefined ? earliest(program, groups, instruction) : groups.length, 0, group);
  }
  if (groups.length === program.instructions.length) return program;
  return { ...program, instructions: groups.map(({ members }) => (members.length === 1 ? members[0]! : sideBySideInstruction(members))) };
}

/** Equal for instructions that can share a launch; undefined for those that stay where they are. */
function keyOf({ tensors }: Program, { op, inputs, outputs, attributes }: Instruction): string | undefined {
  if (outputs.some((index) => tensors[index]!.role !== "activation")) return undefined;
  if (inputs.some((index) => tensors[index]!.role !== "activation" && !FIXED.has(tensors[index]!.role))) return undefined;
  const y = tensors[outputs[0]!]!.shape;
  const a = tensors[inputs[0]!]!;
  const thin = op === "matmul" && Math.min(...y.slice(-2)) <= THIN;
  const product = op === "matmul" || op === lowRankDefinition.name;
  const copiesWeight = op === "cast" && a.role === "parameter";
  if (!product && !copiesWeight && !BY_ROWS.has(op)) return undefined;
  const types = [...inputs, ...outputs].map((index) => tensors[index]!.dtype);
  return JSON.stringify([op, attributes, types, product && !thin ? [...y, ...a.shape] : []]);
}

/** Puts an instruction that comes after all groups into one of them, where the order of what depends on each other allows it. */
function join(program: Program, groups: Group[], other: Group, instruction: Instruction): boolean {
  if ((other.members.length + 1) * (instruction.inputs.length + instruction.outputs.length) > MOST_BUFFERS) return false;
  const position = groups.lastIndexOf(other);
  if (groups.length - position > FARTHEST || !other.members.every((member) => areIndependent(program, member, instruction))) return false;
  const between = groups.slice(position + 1).flatMap(({ members }) => members);
  if (between.every((one) => areIndependent(program, one, instruction))) {
    other.members.push(instruction);
    return true;
  }
  if (!between.every((one) => other.members.every((member) => areIndependent(program, member, one)))) return false;
  groups.splice(position, 1);
  other.members.push(instruction);
  groups.push(other);
  return true;
}

/** Where an instruction that comes after all groups can stand at the earliest. */
function earliest(program: Program, groups: readonly Group[], instruction: Instruction): number {
  let position = groups.length;
  while (position > 0 && groups[position - 1]!.members.every((one) => areIndependent(program, one, instruction))) position--;
  return position;
}

/** Whether two instructions, one of which can join a group, give the same values in either order. */
function areIndependent({ tensors }: Program, one: Instruction, other: Instruction): boolean {
  const reads = (reader: Instruction, writer: Instruction): boolean => reader.inputs.some((index) => writer.outputs.includes(index));
  if (reads(one, other) || reads(other, one) || one.outputs.some((index) => other.outputs.includes(index))) return false;
  return [...one.outputs, ...other.outputs].every((index) => !FIXED.has(tensors[index]!.role));
}
