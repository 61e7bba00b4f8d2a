import { linearCrossEntropy, Tape, type LinearCrossEntropyAttributes } from "@sft/kernels";
import { describe, expect, it } from "vitest";
import { createCpuBackend } from "./backend.ts";
import { runProgram } from "./runProgram.ts";

/** Four rows of logits over three classes; with an identity for a head the hidden states are the logits. */
const logits = [2, 0.5, -1, 0, 0, 0, 1, 3, 0.5, 0.2, -0.3, 1.7];
const targets = [0, 2, 1, 0];

async function rowLosses(
  attributes: Partial<LinearCrossEntropyAttributes>,
  weights: readonly number[] = [1, 1, 1, 1],
): Promise<{ readonly loss: number; readonly rows: readonly number[] }> {
  const tape = new Tape("four rows");
  const inputs = [
    tape.input("x", [4, 3], "f32"),
    tape.input("head", [3, 3], "f32"),
    tape.input("rows", [4]),
    tape.input("targets", [4]),
    tape.input("weights", [4], "f32"),
  ];
  tape.apply(linearCrossEntropy, inputs, { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0, ...attributes }, [
    tape.output("loss", [1]),
    undefined,
    tape.output("rowLoss", [4]),
  ]);
  const backend = await createCpuBackend({ precision: "float64" });
  const data = new Map<string, readonly number[]>([
    ["x", logits],
    ["head", [1, 0, 0, 0, 1, 0, 0, 0, 1]],
    ["rows", [0, 1, 2, 3]],
    ["targets", targets],
    ["weights", weights],
  ]);
  const results = await runProgram(backend, tape.finish(), data);
  await backend.dispose();
  return { loss: results.get("loss")![0]!, rows: Array.from(results.get("rowLoss")!) };
}

/** Figures that PyTorch prints with six decimals. */
function expectFigures(actual: readonly number[], expected: readonly number[]): void {
  actual.forEach((value, index) => expect(Math.abs(value - expected[index]!)).toBeLessThan(5.1e-7));
  expect(actual).toHaveLength(expected.length);
}

describe("the terms of the loss", () => {
  it("are PyTorch's cross_entropy, with and without label_smoothing", async () => {
    expectFigures((await rowLosses({})).rows, [0.241311, 1.098612, 0.196734, 1.806356]);
    expectFigures((await rowLosses({ labelSmoothing: 0.1 })).rows, [0.391311, 1.098612, 0.346734, 1.773022]);
  });

  it("add the squared logSumExp", async () => {
    const [plain, withTerm] = [(await rowLosses({})).rows, (await rowLosses({ zLoss: 1 })).rows];
    expectFigures(
      withTerm.map((loss, row) => loss - plain[row]!),
      [5.023476, 1.206949, 10.219109, 4.025463],
    );
  });

  it("are summed by weight", async () => {
    expectFigures([(await rowLosses({}, [1, 0.5, 0, 2])).loss / 3.5], [1.258094]);
  });
});
