import {
  activation,
  backward,
  linearCrossEntropy,
  matmul,
  opTable,
  planMemory,
  recomputeBlocks,
  rmsNorm,
  Tape,
  validateProgram,
  type Backend,
  type Program,
  type Value,
} from "@sft/kernels";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuBackend } from "./backend.ts";

const rows = 6;
const width = 8;

/** A residual network of `blocks` blocks x + silu(norm(x) W) with all weights trainable, and its backward pass. */
function residualProgram(blocks: number): Program {
  const tape = new Tape("residual");
  let x: Value = tape.input("x", [rows, width], "f32");
  for (let block = 0; block < blocks; block++) {
    const before = x;
    x = tape.inSection(`block.${block}`, () => {
      const normed = tape.apply(rmsNorm, [before, tape.parameter(`g${block}`, [width], true)], { epsilon: 1e-6, weightOffset: 0 })[0]!;
      const linear = tape.apply(matmul, [normed, tape.parameter(`w${block}`, [width, width], true)], {
        transposeA: false,
        transposeB: true,
        alpha: 1,
      })[0]!;
      return tape.add(before, tape.apply(activation, [linear], { kind: "silu" })[0]!);
    });
  }
  const inputs = [
    x,
    tape.input("head", [4, width], "f32"),
    tape.input("rows", [2]),
    tape.input("targets", [2]),
    tape.input("weights", [2], "f32"),
  ];
  const loss = tape.apply(linearCrossEntropy, inputs, { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 })[0]!;
  backward(tape, loss, (parameter) => tape.external(`gradient.${parameter.name}`, "gradient", parameter.shape));
  return tape.finish();
}

let backend: Backend;
beforeAll(async () => {
  backend = await createCpuBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

async function gradients(program: Program): Promise<ReadonlyMap<string, readonly number[]>> {
  const buffers = new Map(
    program.tensors.filter(({ role }) => role !== "activation").map((tensor) => [tensor.name, backend.allocate(tensor)]),
  );
  let state = 1;
  for (const [name, buffer] of buffers) {
    if (name.startsWith("gradient.")) continue;
    if (buffer.dtype === "i32") backend.upload(buffer, Int32Array.of(1, 3));
    else
      backend.upload(
        buffer,
        Float32Array.from({ length: buffer.length }, () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5),
      );
  }
  backend.run(await backend.compile(program, buffers));
  const result = new Map<string, readonly number[]>();
  for (const [name, buffer] of buffers) if (name.startsWith("gradient.")) result.set(name, [...(await backend.download(buffer))]);
  return result;
}

describe("recomputeBlocks", () => {
  it("gives the same gradients, bit for bit", async () => {
    const program = residualProgram(5);
    const recomputed = recomputeBlocks(program);
    validateProgram(recomputed, opTable);
    expect(recomputed.instructions.length).toBeGreaterThan(program.instructions.length);
    expect(await gradients(recomputed)).toEqual(await gradients(program));
  });

  it("keeps one activation a block instead of all of them: memory grows by the residual stream alone", () => {
    const bytes = (blocks: number, pass: (program: Program) => Program): number =>
      planMemory(pass(residualProgram(blocks)), opTable, { alignment: 4 }).activationBytes;
    const slope = (pass: (program: Program) => Program): number => (bytes(12, pass) - bytes(6, pass)) / 6;
    const residual = rows * width * 4;
    expect(slope(recomputeBlocks)).toBe(residual);
    expect(slope((program) => program)).toBeGreaterThan(2.5 * residual);
  });

  it("leaves alone what it cannot shorten, and refuses a block that writes to a bound tensor", () => {
    const single = residualProgram(1);
    expect(recomputeBlocks(single)).toBe(single);
    const tape = new Tape("writes");
    const target = tape.output("y", [2, 2]);
    tape.inSection("block.0", () => tape.add(tape.input("a", [2, 2], "f32"), tape.input("b", [2, 2], "f32"), target));
    expect(() => recomputeBlocks(tape.finish())).toThrow(/block\.0 writes y and cannot be recomputed/);
  });
});
