import { ProgramError } from "../errors.ts";
import { addedTo, defineOp, expectType, type Contribution, type OpDefinition } from "../op.ts";
import type { TensorType } from "../tensor.ts";

export type AttentionAttributes = {
  /** Sequences in the batch; each has T = N / batch tokens. */
  readonly batch: number;
  readonly queryHeads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  /** Scores are multiplied by this before the soft cap. */
  readonly scale: number;
  /** Sliding window: query i sees key j only when i - j < window. 0 means no window. */
  readonly window: number;
  /** Scores become softcap * tanh(score / softcap). 0 means none. */
  readonly softcap: number;
};

function expectAttention(op: string, q: TensorType, k: TensorType, v: TensorType, segments: TensorType, a: AttentionAttributes): void {
  expectType.rank(op, "q", q, 2);
  for (const [operand, type] of [
    ["q", q],
    ["k", k],
    ["v", v],
  ] as const)
    expectType.dtype(op, operand, type, "f32");
  expectType.dtype(op, "segments", segments, "i32");
  const rows = q.shape[0]!;
  if (rows % a.batch !== 0 || a.queryHeads % a.keyValueHeads !== 0) {
    throw new ProgramError(
      "shape-mismatch",
      `${op}: ${rows} rows in ${a.batch} sequences, ${a.queryHeads} query heads over ${a.keyValueHeads} key/value heads do not divide`,
      { op },
    );
  }
  expectType.shape(op, "q", q, [rows, a.queryHeads * a.headDim]);
  expectType.shape(op, "k", k, [rows, a.keyValueHeads * a.headDim]);
  expectType.shape(op, "v", v, [rows, a.keyValueHeads * a.headDim]);
  expectType.shape(op, "segments", segments, [rows]);
}

/**
 * Causal attention with grouped queries: out[N, queryHeads*headDim] = softmax(cap(scale q·k)) v over the visible keys.
 * Key j of the same sequence is visible to query i when j <= i, segments[j] = segments[i], and i - j < window if a window is set.
 * Query head h reads key/value head floor(h / (queryHeads / keyValueHeads)). Padding has segment 0 and sees only padding.
 * Inputs q, k, v, segments[N] i32; outputs out and logSumExp[batch*queryHeads*T], laid out [sequence, head, token].
 */
export const attention: OpDefinition<AttentionAttributes> = defineOp<AttentionAttributes>({
  name: "attention",
  infer(inputs, attributes) {
    expectType.count("attention", inputs, 4);
    const [q, k, v, segments] = inputs;
    expectAttention("attention", q!, k!, v!, segments!, attributes);
    return [
      { shape: q!.shape, dtype: "f32" },
      { shape: [q!.shape[0]! * attributes.queryHeads], dtype: "f32" },
    ];
  },
  gradient: ({ tape, inputs: [q, k, v, segments], outputs: [out, logSumExp], attributes, outputGradients: [dOut] }) => {
    const gradients = tape.apply(attentionGrad, [dOut!, q!, k!, v!, segments!, out!, logSumExp!], attributes);
    const contribution = (index: number): Contribution => addedTo(tape, () => gradients[index]!);
    return [contribution(0), contribution(1), contribution(2), null];
  },
});

/**
 * dq, dk, dv of `attention`. Inputs dOut, q, k, v, segments, out, logSumExp. With p = exp(score - logSumExp):
 * dv = p^T dOut, ds = p * (dOut v^T - sum(dOut * out)), times 1 - tanh^2 under a soft cap; dq = scale ds k, dk = scale ds^T q.
 */
export const attentionGrad: OpDefinition<AttentionAttributes> = defineOp<AttentionAttributes>({
  name: "attentionGrad",
  infer(inputs, attributes) {
    expectType.count("attentionGrad", inputs, 7);
    const [dOut, q, k, v, segments, out, logSumExp] = inputs;
    expectAttention("attentionGrad", q!, k!, v!, segments!, attributes);
    expectType.shape("attentionGrad", "dOut", dOut!, q!.shape);
    expectType.shape("attentionGrad", "out", out!, q!.shape);
    expectType.shape("attentionGrad", "logSumExp", logSumExp!, [q!.shape[0]! * attributes.queryHeads]);
    return [q!, k!, v!].map((type) => ({ shape: type.shape, dtype: "f32" as const }));
  },
});
