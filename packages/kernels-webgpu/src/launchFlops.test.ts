import { backward, linearCrossEntropy, matmul, opTable, Tape } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits } from "./dispatch.ts";
import { launchFlops } from "./launchFlops.ts";
import { listDispatches } from "./listDispatches.ts";

it("counts a product once, and each of a loss's three products", () => {
  const tape = new Tape("step");
  const weight = tape.parameter("weight", [24, 16], true);
  const x = tape.apply(matmul, [tape.parameter("x", [600, 8], true), tape.parameter("up", [8, 16], false)], {
    transposeA: false,
    transposeB: false,
    alpha: 1,
  })[0]!;
  const inputs = [x, weight, tape.input("rows", [520]), tape.input("targets", [520]), tape.input("weights", [520], "f32")];
  const loss = tape.apply(linearCrossEntropy, inputs, { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 })[0]!;
  backward(tape, loss, ({ name, shape }) => tape.external(`gradient of ${name}`, "gradient", shape));
  const { program, dispatches, instructionOf } = listDispatches(tape.finish(), opTable, defaultLimits);
  // The second chunk's launches are the longer ones, so that a count of the first would show.
  const launches = dispatches.map(({ kernel }, index) => ({
    instruction: instructionOf[index]!,
    kernel: kernel.label,
    milliseconds: 1 + index,
  }));
  const flops = launchFlops(program, launches);
  const counted = launches.flatMap(({ instruction, kernel }, index) =>
    flops[index] === 0 ? [] : [[program.instructions[instruction]!.op, kernel.slice(0, 9), flops[index]]],
  );
  const head = 2 * 520 * 24 * 16;
  expect(counted).toEqual([
    ["matmul", "matmul NN", 2 * 600 * 8 * 16],
    ["lossAndGradients", "matmul NT", head],
    ["lossAndGradients", "matmul NN", head],
    ["lossAndGradients", "matmul TN", head],
    ["matmul", "matmul NT", 2 * 600 * 8 * 16],
  ]);
});
