import { describe, expect, it } from "vitest";
import { backward } from "./backward.ts";
import { eliminateDeadCode } from "./deadCode.ts";
import { linearCrossEntropy } from "./ops/crossEntropy.ts";
import { add, multiply, scale } from "./ops/elementwise.ts";
import { embedding } from "./ops/embedding.ts";
import { opTable } from "./ops/index.ts";
import { matmul } from "./ops/matmul.ts";
import { validateProgram } from "./program.ts";
import { Tape, type Value } from "./tape.ts";
import { describeProgram } from "./testing/describeProgram.ts";

const linear = (tape: Tape, x: Value, weight: Value): Value =>
  tape.apply(matmul, [x, weight], { transposeA: false, transposeB: true, alpha: 1 })[0]!;

/** The loss of hidden states against a head, with inputs of its own for each batch. */
function lossOf(tape: Tape, x: Value, head: Value, batch = ""): Value {
  const rows = [tape.input(`rows${batch}`, [2]), tape.input(`targets${batch}`, [2]), tape.input(`weights${batch}`, [2], "f32")];
  return tape.apply(linearCrossEntropy, [x, head, ...rows], { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 })[0]!;
}

function gradientsOf(tape: Tape, loss: Value, options?: { readonly overwrite: boolean }): string {
  const forward = tape.entries.length;
  backward(tape, loss, (parameter) => tape.external(`d ${parameter.name}`, "gradient", parameter.shape), options);
  const program = tape.finish();
  expect(() => validateProgram(program, opTable)).not.toThrow();
  expect(eliminateDeadCode(program).instructions.length).toBeLessThanOrEqual(program.instructions.length);
  return describeProgram(program).split("\n").slice(forward).join("\n");
}

describe("backward", () => {
  it("adds each gradient into its tensor, and computes none for frozen weights", () => {
    const tape = new Tape("frozen base");
    const h = linear(tape, tape.input("x", [3, 4], "f32"), tape.parameter("first", [4, 4], true));
    const loss = lossOf(tape, linear(tape, h, tape.parameter("frozen", [4, 4], false)), tape.parameter("head", [5, 4], false));
    expect(gradientsOf(tape, loss)).toMatchInlineSnapshot(`
      "%5 = fill()
      %6 = linearCrossEntropyGrad(%5, %1, head, rows, targets, weights, %3)
      %7 = matmul(%6, frozen)
      d first = matmul(%7, x, d first)"
    `);
  });

  it("accumulates two micro batches of one program into one gradient", () => {
    const tape = new Tape("micro batches");
    const weight = tape.parameter("weight", [4, 4], true);
    const head = tape.parameter("head", [5, 4], false);
    const losses = ["0", "1"].map((batch) => lossOf(tape, linear(tape, tape.input(`x${batch}`, [3, 4], "f32"), weight), head, batch));
    expect(gradientsOf(tape, tape.apply(add, losses, {})[0]!)).toMatchInlineSnapshot(`
      "%9 = fill()
      %10 = linearCrossEntropyGrad(%9, %4, head, rows1, targets1, weights1, %6)
      d weight = matmul(%10, x1, d weight)
      %11 = linearCrossEntropyGrad(%9, %0, head, rows0, targets0, weights0, %2)
      d weight = matmul(%11, x0, d weight)"
    `);
  });

  it("adds both gradients of a table that is embedding and head", () => {
    const tape = new Tape("tied");
    const table = tape.parameter("table", [5, 4], true);
    const h = tape.apply(embedding, [table, tape.input("ids", [3]), tape.input("order", [3])], {})[0]!;
    expect(gradientsOf(tape, lossOf(tape, h, table))).toMatchInlineSnapshot(`
      "%4 = fill()
      %5 = linearCrossEntropyGrad(%4, %0, table, rows, targets, weights, %2)
      d table = linearCrossEntropyWeightGrad(%4, %0, table, rows, targets, weights, %2, d table)
      d table = embeddingGrad(%5, ids, order, d table)"
    `);
  });

  it("overwrites each gradient with its first contribution, and adds the others to it", () => {
    const tape = new Tape("first micro batch");
    const table = tape.parameter("table", [5, 4], true);
    const h = tape.apply(embedding, [table, tape.input("ids", [3]), tape.input("order", [3])], {})[0]!;
    const scaled = tape.apply(multiply, [h, tape.parameter("gain", [3, 4], true)], {})[0]!;
    expect(gradientsOf(tape, lossOf(tape, scaled, table), { overwrite: true })).toMatchInlineSnapshot(`
      "%5 = fill()
      %6 = linearCrossEntropyGrad(%5, %1, table, rows, targets, weights, %3)
      d table = linearCrossEntropyWeightGrad(%5, %1, table, rows, targets, weights, %3)
      %7 = multiply(%6, gain)
      %8 = multiply(%6, %0)
      d gain = copy(%8)
      d table = embeddingGrad(%7, ids, order, d table)"
    `);
  });

  it("sums the gradients by a parameter and by a float16 copy of it in one tensor, which the first of them overwrites", () => {
    const tape = new Tape("copied");
    const h = linear(tape, tape.input("x", [3, 4], "f32"), tape.parameter("w", [4, 4], true));
    const loss = lossOf(tape, linear(tape, h, tape.parameter("w.half", [4, 4], true, "f16")), tape.parameter("head", [5, 4], false));
    backward(tape, loss, ({ shape }) => tape.external("d w", "gradient", shape), { overwrite: true });
    const program = tape.finish();
    expect(() => validateProgram(program, opTable)).not.toThrow();
    expect(describeProgram(program).split("\n").slice(-3).join("\n")).toMatchInlineSnapshot(`
      "%7 = matmul(%6, w.half)
      d w = matmul(%6, %0)
      d w = matmul(%7, x, d w)"
    `);
  });

  it("chains addends through a value with several readers, in matmuls without an add of their own", () => {
    const tape = new Tape("readers");
    const h = linear(tape, tape.input("x", [3, 4], "f32"), tape.parameter("w", [4, 4], true));
    const a = linear(tape, h, tape.parameter("a", [4, 4], false));
    const b = linear(tape, h, tape.parameter("b", [4, 4], false));
    const joined = tape.apply(add, [tape.apply(add, [a, b], {})[0]!, h], {})[0]!;
    expect(gradientsOf(tape, lossOf(tape, joined, tape.parameter("head", [5, 4], false)))).toMatchInlineSnapshot(`
      "%8 = fill()
      %9 = linearCrossEntropyGrad(%8, %4, head, rows, targets, weights, %6)
      %10 = matmul(%9, b, %9)
      %11 = matmul(%9, a, %10)
      d w = matmul(%11, x, d w)"
    `);
  });

  it("counts both factors of a square", () => {
    const tape = new Tape("square");
    const h = tape.apply(scale, [tape.parameter("p", [3, 4], true)], { factor: 2 })[0]!;
    expect(gradientsOf(tape, lossOf(tape, tape.apply(multiply, [h, h], {})[0]!, tape.parameter("head", [5, 4], false))))
      .toMatchInlineSnapshot(`
      "%5 = fill()
      %6 = linearCrossEntropyGrad(%5, %1, head, rows, targets, weights, %3)
      %7 = multiply(%6, %0)
      %8 = multiply(%6, %0)
      %9 = add(%7, %8)
      %10 = scale(%9)
      d p = add(d p, %10)"
    `);
  });

  it("says what is wrong with a loss that it cannot differentiate", () => {
    const tape = new Tape("step");
    const x = tape.input("x", [3, 4], "f32");
    const gradient = (): Value => tape.output("never", [1]);
    const frozen = lossOf(tape, x, tape.parameter("head", [5, 4], false));
    expect(() => backward(tape, frozen, gradient)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: step: the loss depends on no trainable parameter]`,
    );
    expect(() => backward(tape, x, gradient)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: step: the loss must have the shape [1], got f32[3, 4]]`,
    );
    const written = tape.apply(add, [frozen, frozen], {}, [tape.output("loss", [1])])[0]!;
    expect(() => backward(tape, written, gradient)).toThrowErrorMatchingInlineSnapshot(`
      [ProgramError: step: the loss depends on no trainable parameter
      Gradients do not flow through loss, which is bound as an output: take the op's own result as the loss and copy it there.]
    `);
    const oneRow = [tape.input("row", [1]), tape.input("target", [1]), tape.input("weight", [1], "f32")];
    const [, logSumExp] = tape.apply(linearCrossEntropy, [x, tape.parameter("trained head", [5, 4], true), ...oneRow], {
      alpha: 1,
      softcap: 0,
      labelSmoothing: 0,
      zLoss: 0,
    });
    expect(() => backward(tape, tape.apply(scale, [logSumExp!], { factor: 2 })[0]!, gradient)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: step: the loss depends on output 1 of linearCrossEntropy, but gradients flow through output 0 alone]`,
    );
    const table = tape.parameter("table", [5, 4], true);
    const loss = lossOf(tape, tape.apply(embedding, [table, tape.input("ids", [3])], {})[0]!, tape.parameter("head", [5, 4], false));
    expect(() => backward(tape, loss, gradient)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: embedding: a trainable table needs the third input, the order of positions by id]`,
    );
  });
});
