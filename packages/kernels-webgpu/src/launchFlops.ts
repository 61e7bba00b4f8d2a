import { estimateFlops, type Instruction, type Program } from "@sft/kernels";
import { isGatedProduct, productsOfGated } from "./rewrites/fuseGated.ts";
import { isLossWithGradients } from "./rewrites/fuseLoss.ts";
import { lowRankDefinition } from "./ops/matmul/lowRankProduct.ts";
import { membersOf } from "./rewrites/sideBySide.ts";

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
  const counted = program.instructions.map((one) => estimateFlops({ ...program, instructions: plainOps(one) }).total);
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

/** The ops of the table whose operations count for an instruction of the backend's own: of each where several share a launch. */
export function plainOps(instruction: Instruction): readonly Instruction[] {
  if (isGatedProduct(instruction)) return productsOfGated(instruction);
  return membersOf(instruction).map((one): Instruction => {
    const { op, inputs, attributes } = one;
    if (isLossWithGradients(one)) return { ...one, op: "linearCrossEntropy" };
    if (op !== lowRankDefinition.name) return one;
    // Without the low-rank pair that was folded in, which is a few percent of the product of base weights.
    return { ...one, op: "matmul", inputs: inputs.slice(0, 2), attributes: { ...attributes, transposeA: false } };
  });
}
