import { elementCount, type Instruction, type Program, type TensorSpec } from "@sft/kernels";
import { LONGEST_SHORT_DEPTH } from "../ops/matmul/shortDepth.ts";

/** Multiplications of a product from which on a copy of its operand in float16 costs less than reading the float32 in every block. */
const LARGE_PRODUCT = 2 ** 31;
/** Contiguous extents that matrix units can read are multiples of this. */
const EXTENT = 8;

/**
 * Hands large products float16 copies of the float32 operands that matrix units would round in every block again: a trainable
 * weight is copied right before each product that reads it, so that no copy outlives its use; an activation that a large product and
 * others on matrix units read is copied once for all of them. Pure; the sums are the same bits. New tensors come after the program's
 * own.
 */
export function castOperands(program: Program): Program {
  const large = new Set(program.instructions.filter((instruction) => isLargeProduct(program, instruction)));
  const rounding = new Set(program.instructions.filter((instruction) => roundsOperands(program, instruction)));
  const reads = new Map<number, number>();
  for (const { inputs } of rounding) for (const index of inputs.slice(0, 2)) reads.set(index, (reads.get(index) ?? 0) + 1);
  const readByLarge = new Set([...large].flatMap(({ inputs }) => inputs.slice(0, 2)));
  const tensors: TensorSpec[] = [...program.tensors];
  const instructions: Instruction[] = [];
  const copies = new Map<number, number>();
  for (const instruction of program.instructions) {
    if (rounding.has(instruction)) {
      const inputs = instruction.inputs.map((index, slot) => {
        const { name, shape, dtype, role } = program.tensors[index]!;
        const copied =
          role === "parameter" ? large.has(instruction) : role === "activation" && readByLarge.has(index) && reads.get(index)! > 1;
        if (slot > 1 || dtype !== "f32" || !copied) return index;
        let copy = copies.get(index);
        if (copy === undefined) {
          copy = tensors.push({ name: `${name}.half`, role: "activation", shape, dtype: "f16" }) - 1;
          instructions.push({ op: "cast", inputs: [index], outputs: [copy], attributes: { dtype: "f16" }, ...sectionOf(instruction) });
          if (role === "activation") copies.set(index, copy);
        }
        return copy;
      });
      instructions.push({ ...instruction, inputs });
    } else instructions.push(instruction);
    for (const index of instruction.outputs) copies.delete(index);
  }
  return tensors.length === program.tensors.length ? program : { ...program, tensors, instructions };
}

function isLargeProduct(program: Program, instruction: Instruction): boolean {
  return roundsOperands(program, instruction) && multiplications(program, instruction) >= LARGE_PRODUCT;
}

/** Whether matrix units compute a product, from rounded operands: its extents suit them, and its depth is not short. */
function roundsOperands(program: Program, { op, inputs, outputs, attributes }: Instruction): boolean {
  if (op !== "matmul") return false;
  const [a, b, y] = [inputs[0]!, inputs[1]!, outputs[0]!].map((index) => program.tensors[index]!.shape) as [number[], number[], number[]];
  const depth = attributes["transposeA"] ? a[0]! : a[1]!;
  return depth > LONGEST_SHORT_DEPTH && [a[1]!, b[1]!, y[1]!].every((extent) => extent % EXTENT === 0);
}

function multiplications(program: Program, { inputs, outputs, attributes }: Instruction): number {
  const [a, y] = [inputs[0]!, outputs[0]!].map((index) => program.tensors[index]!.shape) as [number[], number[]];
  return elementCount(y) * (attributes["transposeA"] ? a[0]! : a[1]!);
}

function sectionOf({ section }: Instruction): Pick<Instruction, "section"> {
  return section === undefined ? {} : { section };
}
