import { defineOp, expectType, type OpDefinition } from "../op.ts";
import { ProgramError } from "../errors.ts";

/**
 * y[N,H] = weight[V,H] (float16 where it is frozen) at row ids[N]. The third input `order` [N] lists 0..N-1 sorted by id, equal ids in ascending
 * position: the host knows the ids, and with it the gradient needs no atomics. Ids outside 0..V-1 are the caller's fault.
 */
export const embedding: OpDefinition<Record<never, never>> = defineOp({
  name: "embedding",
  infer(inputs) {
    expectType.count("embedding", inputs, 2, 3);
    const [weight, ids, order] = inputs;
    expectType.rank("embedding", "weight", weight!, 2);
    expectType.dtype("embedding", "weight", weight!, "f32", "f16");
    expectType.rank("embedding", "ids", ids!, 1);
    expectType.dtype("embedding", "ids", ids!, "i32");
    if (order) {
      expectType.dtype("embedding", "order", order, "i32");
      expectType.shape("embedding", "order", order, ids!.shape);
    }
    return [{ shape: [ids!.shape[0]!, weight!.shape[1]!], dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [weight, ids, order], outputGradients: [dy] }) => {
    if (!order)
      throw new ProgramError("no-gradient", "embedding: a trainable table needs the third input, the order of positions by id", {
        op: "embedding",
      });
    return [
      (addend, into) =>
        tape.apply(embeddingGrad, addend ? [dy!, ids!, order, addend] : [dy!, ids!, order], { vocabSize: weight!.shape[0]! }, [into])[0]!,
      null,
      null,
    ];
  },
});

export type EmbeddingGradAttributes = { readonly vocabSize: number };

/** dWeight[V,H]: row v is the sum of dy[n] over the n with ids[n] = v, in ascending n, plus the optional addend [V,H]. Inputs dy, ids, order, addend. */
export const embeddingGrad: OpDefinition<EmbeddingGradAttributes> = defineOp<EmbeddingGradAttributes>({
  name: "embeddingGrad",
  infer(inputs, { vocabSize }) {
    expectType.count("embeddingGrad", inputs, 3, 4);
    const [dy, ids, order, addend] = inputs;
    expectType.rank("embeddingGrad", "dy", dy!, 2);
    expectType.shape("embeddingGrad", "ids", ids!, [dy!.shape[0]!]);
    expectType.shape("embeddingGrad", "order", order!, [dy!.shape[0]!]);
    const shape = [vocabSize, dy!.shape[1]!];
    if (addend) expectType.shape("embeddingGrad", "addend", addend, shape);
    return [{ shape, dtype: "f32" }];
  },
  mayAlias: [[0, 3]],
});
