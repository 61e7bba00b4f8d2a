import { expect, it } from "vitest";
import { backward } from "./backward.ts";
import { gatedActivation } from "./ops/activation.ts";
import { linearCrossEntropy } from "./ops/crossEntropy.ts";
import { opTable } from "./ops/index.ts";
import { matmul } from "./ops/matmul.ts";
import { rmsNorm } from "./ops/normalisation.ts";
import { planMemory } from "./plan.ts";
import { validateProgram, type Program } from "./program.ts";
import { recomputeCheap } from "./recomputeCheap.ts";
import { Tape } from "./tape.ts";

const product = { transposeA: false, transposeB: true, alpha: 1 };
const cheap: ReadonlySet<string> = new Set(["rmsNorm", "gatedActivation"]);

/** Gated blocks on a residual stream, all weights trained, with a loss. */
function gatedBlocks(blocks: number): Program {
  const tape = new Tape("blocks");
  let x = tape.add(tape.input("a", [64, 32], "f32"), tape.input("b", [64, 32], "f32"));
  for (let block = 0; block < blocks; block++) {
    const weight = (name: string, shape: readonly number[]) => tape.parameter(`${name}${block}`, shape, true);
    x = tape.inSection(`block.${block}`, () => {
      const normed = tape.apply(rmsNorm, [x, weight("norm", [32])], { epsilon: 1e-5, weightOffset: 0 })[0]!;
      const gate = tape.apply(matmul, [normed, weight("gate", [64, 32])], product)[0]!;
      const up = tape.apply(matmul, [normed, weight("up", [64, 32])], product)[0]!;
      const gated = tape.apply(gatedActivation, [gate, up], { kind: "silu" })[0]!;
      return tape.apply(matmul, [gated, weight("down", [32, 64]), x], product)[0]!;
    });
  }
  const inputs = [tape.input("rows", [8]), tape.input("targets", [8]), tape.input("weights", [8], "f32")];
  const head = tape.parameter("head", [128, 32], false);
  const attributes = { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 };
  const loss = tape.apply(linearCrossEntropy, [x, head, ...inputs], attributes)[0]!;
  backward(tape, loss, (parameter) => tape.external(`d${parameter.name}`, "gradient", parameter.shape));
  return tape.finish();
}

it("repeats each norm and gated product once, right before its first use in the backward pass", () => {
  const program = gatedBlocks(3);
  const again = recomputeCheap(program, cheap);
  validateProgram(again, opTable);
  const repeated = again.instructions.filter(({ op, section }) => cheap.has(op) && section === "backward");
  expect(repeated.map(({ op }) => op)).toEqual(["gatedActivation", "rmsNorm", "gatedActivation", "rmsNorm", "gatedActivation", "rmsNorm"]);
  for (const instruction of repeated) {
    const next = again.instructions[again.instructions.indexOf(instruction) + 1]!;
    expect(next.inputs).toContain(instruction.outputs[0]);
  }
});

it("computes the same from the same: without the repeated instructions and their names the program is the old one", () => {
  const program = gatedBlocks(2);
  const again = recomputeCheap(program, cheap);
  const original = new Map<number, number>();
  again.instructions.forEach(({ op, section, inputs, outputs }) => {
    if (!cheap.has(op) || section !== "backward") return;
    const source = program.instructions.find((other) => other.op === op && other.inputs.join() === inputs.join())!;
    outputs.forEach((output, slot) => original.set(output, source.outputs[slot]!));
  });
  const renamed = again.instructions
    .filter(({ outputs }) => !outputs.some((output) => original.has(output)))
    .map((instruction) => ({ ...instruction, inputs: instruction.inputs.map((input) => original.get(input) ?? input) }));
  expect(renamed).toEqual(program.instructions);
});

it("keeps less at the peak", () => {
  const program = gatedBlocks(6);
  const before = planMemory(program, opTable).lowerBoundBytes;
  const after = planMemory(recomputeCheap(program, cheap), opTable).lowerBoundBytes;
  // Each of five blocks behind the peak keeps a norm of 64 x 32 and a gated product of 64 x 64 float32 less.
  expect(before - after).toBeGreaterThanOrEqual(5 * 64 * (32 + 64) * 4);
});

it("repeats nothing whose input is gone by then", () => {
  const tape = new Tape("gone");
  const x = tape.add(tape.input("a", [8, 16], "f32"), tape.input("b", [8, 16], "f32"));
  const normed = tape.apply(rmsNorm, [x, tape.parameter("w", [16], false)], { epsilon: 1e-5, weightOffset: 0 })[0]!;
  tape.inSection("backward", () => tape.copy(normed, tape.output("y", [8, 16])));
  const program = tape.finish();
  expect(recomputeCheap(program, cheap)).toBe(program);
});
