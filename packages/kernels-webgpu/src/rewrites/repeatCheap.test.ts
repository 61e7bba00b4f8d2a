import { backward, linearCrossEntropy, matmul, opTable, rmsNorm, Tape, type Program } from "@sft/kernels";
import { expect, it } from "vitest";
import { repeatCheap } from "./repeatCheap.ts";

const product = { transposeA: false, transposeB: true, alpha: 1 };

/** Blocks of a norm and a product on a residual stream; either the products' weights are trained, or pairs of rank 2 on them. */
function blocks(trainsWeights: boolean): Program {
  const tape = new Tape("blocks");
  let x = tape.add(tape.input("a", [64, 32], "f32"), tape.input("b", [64, 32], "f32"));
  for (let block = 0; block < 8; block++) {
    const weight = (name: string, shape: readonly number[], trainable: boolean) => tape.parameter(`${name}${block}`, shape, trainable);
    const normed = tape.apply(rmsNorm, [x, weight("norm", [32], false)], { epsilon: 1e-5, weightOffset: 0 })[0]!;
    x = tape.apply(matmul, [normed, weight("w", [32, 32], trainsWeights), x], product)[0]!;
    if (trainsWeights) continue;
    const low = tape.apply(matmul, [normed, weight("down", [1, 32], true)], product)[0]!;
    x = tape.apply(matmul, [low, weight("up", [32, 1], true), x], product)[0]!;
  }
  const inputs = [tape.input("rows", [8]), tape.input("targets", [8]), tape.input("weights", [8], "f32")];
  const attributes = { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 };
  const loss = tape.apply(linearCrossEntropy, [x, tape.parameter("head", [128, 32], false), ...inputs], attributes)[0]!;
  backward(tape, loss, (parameter) => tape.external(`d${parameter.name}`, "gradient", parameter.shape));
  return tape.finish();
}

it("repeats norms where whole weights are trained, and keeps them under adapters", () => {
  const count = (program: Program): number => program.instructions.filter(({ op }) => op === "rmsNorm").length;
  // Nothing keeps the first block's input, which needs no gradient.
  expect(count(repeatCheap(blocks(true), opTable))).toBe(8 + 7);
  const adapters = blocks(false);
  expect(repeatCheap(adapters, opTable)).toBe(adapters);
});

it("leaves a program without gradients as it is", () => {
  const tape = new Tape("forward");
  tape.apply(rmsNorm, [tape.input("x", [4, 8], "f32"), tape.parameter("w", [8], false)], { epsilon: 1e-5, weightOffset: 0 });
  const program = tape.finish();
  expect(repeatCheap(program, opTable)).toBe(program);
});
