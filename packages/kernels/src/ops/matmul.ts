import { defineOp, expectType, type Contribution, type GradientContext, type OpDefinition } from "../op.ts";
import type { Value } from "../tape.ts";

export type MatmulAttributes = { readonly transposeA: boolean; readonly transposeB: boolean; readonly alpha: number };

/**
 * y[M,N] = alpha * op(a) · op(b) + addend. op(a) is [M,K]: a itself, or its transpose when a is stored [K,M];
 * op(b) is [K,N]: b itself, or its transpose when b is stored [N,K] (a linear layer's weight). Accumulates in float32.
 * a and b may each be float16 (frozen weights); y is float32. The optional third input is the addend [M,N].
 */
export const matmul: OpDefinition<MatmulAttributes> = defineOp<MatmulAttributes>({
  name: "matmul",
  infer(inputs, { transposeA, transposeB }) {
    expectType.count("matmul", inputs, 2, 3);
    const [a, b, addend] = inputs as [Value, Value, Value | undefined];
    expectType.rank("matmul", "a", a, 2);
    expectType.rank("matmul", "b", b, 2);
    expectType.dtype("matmul", "a", a, "f32", "f16");
    expectType.dtype("matmul", "b", b, "f32", "f16");
    const [m, k] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
    const n = transposeB ? b.shape[0]! : b.shape[1]!;
    expectType.shape("matmul", "b", b, transposeB ? [n, k] : [k, n]);
    if (addend) {
      expectType.dtype("matmul", "addend", addend, "f32");
      expectType.shape("matmul", "addend", addend, [m, n]);
    }
    return [{ shape: [m, n], dtype: "f32" }];
  },
  gradient: matmulGradient,
  mayAlias: [[0, 2]],
});

function matmulGradient({
  tape,
  inputs,
  attributes,
  outputGradients: [dy],
}: GradientContext<MatmulAttributes>): readonly (Contribution | null)[] {
  const [a, b] = inputs as [Value, Value];
  const { transposeA, transposeB, alpha } = attributes;
  const product =
    (left: Value, right: Value, ta: boolean, tb: boolean): Contribution =>
    (addend, into) =>
      tape.apply(matmul, addend ? [left, right, addend] : [left, right], { transposeA: ta, transposeB: tb, alpha }, [into])[0]!;
  // d op(a) = dy · op(b)^T and d op(b) = op(a)^T · dy, each transposed back when its operand was stored transposed.
  const da = transposeA ? product(b, dy!, transposeB, true) : product(dy!, b, false, !transposeB);
  const db = transposeB ? product(dy!, a, true, transposeA) : product(a, dy!, !transposeA, false);
  const dAddend: Contribution = (addend, into) => (addend ? tape.add(addend, dy!, into) : into ? tape.copy(dy!, into) : dy!);
  return inputs.length === 3 ? [da, db, dAddend] : [da, db];
}
