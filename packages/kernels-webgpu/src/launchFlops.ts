import { estimateFlops, type Instruction, type Program } from "@sft/kernels";
import { isLossWithGradients } from "./fuseLoss.ts";
import { lowRankDefinition } from "./ops/matmul/lowRankProduct.ts";

/** A launch of a program as it ran. */
export interface TimedLaunch {
  readonly instruction: number;
  /** The kernel's label. */
  readonly kernel: string;
  readonly milliseconds: number;
}

/**
 * Floating-point operations (see `estimateFlops`) of each launch: an instruction's are those of its longest launch, and the others
 * have none. A loss with its gradients has as many for each of its products, at the longest launch of each.
 */
export function launchFlops(program: Program, launches: readonly TimedLaunch[]): readonly number[] {
  const counted = estimateFlops({ ...program, instructions: program.instructions.map(asPlainOp) }).byInstruction;
  const longest = new Map<string, number>();
  launches.forEach(({ instruction, kernel, milliseconds }, index) => {
    const layout = /^matmul [NT]{2} /.exec(kernel)?.[0] ?? "";
    const several = isLossWithGradients(program.instructions[instruction]!);
    if (several && layout === "") return;
    const unit = `${instruction} ${several ? layout : ""}`;
    const other = longest.get(unit);
    if (other === undefined || milliseconds > launches[other]!.milliseconds) longest.set(unit, index);
  });
  const counting = new Set(longest.values());
  return launches.map(({ instruction }, index) => (counting.has(index) ? counted[instruction]! : 0));
}

/** The op of the table whose operations count for an instruction of the backend's own. */
export function asPlainOp(instruction: Instruction): Instruction {
  const { op, inputs, attributes } = instruction;
  if (isLossWithGradients(instruction)) return { ...instruction, op: "linearCrossEntropy" };
  if (op !== lowRankDefinition.name) return instruction;
  // Without the low-rank pair that was folded in, which is a few percent of the product of base weights.
  return { ...instruction, op: "matmul", inputs: inputs.slice(0, 2), attributes: { ...attributes, transposeA: false } };
}
