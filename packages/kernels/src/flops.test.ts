import { describe, expect, it } from "vitest";
import { backward } from "./backward.ts";
import { estimateFlops } from "./flops.ts";
import { attention } from "./ops/attention.ts";
import { linearCrossEntropy } from "./ops/crossEntropy.ts";
import { matmul } from "./ops/matmul.ts";
import { Tape } from "./tape.ts";

const [tokens, hidden, vocabulary, heads] = [32, 16, 50, 2] as const;

describe("estimateFlops", () => {
  it("counts a multiply-add as two, whatever the layout", () => {
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      const tape = new Tape("product");
      tape.apply(matmul, [tape.input("a", transposeA ? [5, 3] : [3, 5], "f32"), tape.input("b", transposeB ? [7, 5] : [5, 7], "f32")], {
        transposeA,
        transposeB,
        alpha: 1,
      });
      expect(estimateFlops(tape.finish())).toEqual({ total: 2 * 3 * 5 * 7, byInstruction: [2 * 3 * 5 * 7] });
    }
  });

  it("gives a trained model six times parameters times tokens, and PaLM's twelve times T times width for attention", () => {
    const tape = new Tape("model");
    const weight = (name: string, rows: number): ReturnType<Tape["parameter"]> => tape.parameter(name, [rows, hidden], true);
    const linear = (x: ReturnType<Tape["parameter"]>, name: string): ReturnType<Tape["parameter"]> =>
      tape.apply(matmul, [x, weight(name, hidden)], { transposeA: false, transposeB: true, alpha: 1 })[0]!;
    const x = tape.parameter("x", [tokens, hidden], true);
    const out = tape.apply(attention, [linear(x, "q"), linear(x, "k"), linear(x, "v"), tape.input("segments", [tokens])], {
      batch: 2,
      queryHeads: heads,
      keyValueHeads: heads,
      headDim: hidden / heads,
      scale: 1,
      window: 0,
      softcap: 0,
    })[0]!;
    const inputs = [
      out,
      weight("head", vocabulary),
      tape.input("rows", [tokens]),
      tape.input("targets", [tokens]),
      tape.input("weights", [tokens], "f32"),
    ];
    backward(tape, tape.apply(linearCrossEntropy, inputs, { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 })[0]!, (parameter) =>
      tape.external(`d ${parameter.name}`, "gradient", parameter.shape),
    );
    const parameters = 3 * hidden * hidden + vocabulary * hidden;
    expect(estimateFlops(tape.finish()).total).toBe(6 * parameters * tokens + 12 * (tokens / 2) * hidden * tokens);
  });

  it("counts no more keys than a window holds", () => {
    const flops = (window: number): number => {
      const tape = new Tape("window");
      const part = (name: string): ReturnType<Tape["input"]> => tape.input(name, [tokens, hidden], "f32");
      tape.apply(attention, [part("q"), part("k"), part("v"), tape.input("segments", [tokens])], {
        batch: 1,
        queryHeads: 1,
        keyValueHeads: 1,
        headDim: hidden,
        scale: 1,
        window,
        softcap: 0,
      });
      return estimateFlops(tape.finish()).total;
    };
    expect(flops(8)).toBe(flops(0) / 4);
    expect(flops(1000)).toBe(flops(0));
  });
});
