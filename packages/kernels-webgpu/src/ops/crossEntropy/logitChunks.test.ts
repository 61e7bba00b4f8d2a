import { expect, it } from "vitest";
import { defaultLimits, resolveDispatch, type BoundRange, type Emitter } from "../../dispatch.ts";
import type { Operand } from "../../operand.ts";
import { lossAndGradients } from "./lossAndGradients.ts";

const [ROWS, VOCABULARY, HIDDEN] = [700, 24, 16];
const limits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };

interface Launch {
  readonly label: string;
  readonly of: Readonly<Record<string, BoundRange>>;
  readonly parameters: Readonly<Record<string, number>>;
}

/** What a loss of 700 rows in chunks of 256 launches, with gradients of so many side by side, and what it asks for besides. */
function launches(gradientRows: number, addend = false): { readonly launched: readonly Launch[]; readonly bytes: number } {
  let [storages, bytes] = [0, 0];
  const operand = (shape: readonly number[], dtype: Operand["dtype"] = "f32"): Operand => ({ shape, dtype, storage: storages++ });
  const launched: Launch[] = [];
  const emitter: Emitter = {
    limits,
    scratch({ shape, dtype }) {
      bytes += shape.reduce((a, b) => a * b, 1) * (dtype === "f16" ? 2 : 4);
      return operand(shape, dtype);
    },
    dispatch(...given) {
      const { kernel, bindings, parameters } = resolveDispatch(...given)!;
      const named = <T>(names: readonly { readonly name: string }[], values: readonly T[]): Record<string, T> =>
        Object.fromEntries(names.map(({ name }, index) => [name, values[index]!]));
      launched.push({
        label: kernel.source.label,
        of: named(kernel.bindings, bindings),
        parameters: named(kernel.parameters, parameters),
      });
    },
  };
  const [x, weight] = [operand([1600, HIDDEN], "f16"), operand([VOCABULARY, HIDDEN], "f16")];
  const [rows, targets, weights, dLoss] = [operand([ROWS], "i32"), operand([ROWS], "i32"), operand([ROWS]), operand([1])];
  const outputs = [operand([1]), operand([ROWS]), operand([ROWS]), operand([1600, HIDDEN]), operand([VOCABULARY, HIDDEN])];
  const attributes = { alpha: 0.5, softcap: 0, labelSmoothing: 0, zLoss: 0, chunkRows: 256, gradientRows };
  const inputs = [x, weight, rows, targets, weights, dLoss, ...(addend ? [outputs[4]!] : [])];
  lossAndGradients(emitter, { op: "lossAndGradients", inputs, outputs, attributes });
  return { launched, bytes };
}

const labelled = (all: readonly Launch[], label: string): readonly Launch[] => all.filter((one) => one.label.startsWith(label));
const rangeOf = ({ byteOffset, byteLength }: BoundRange, rowBytes: number) => [byteOffset / rowBytes, byteLength / rowBytes];

it("multiplies dWeight once a group, from the gradients and hidden states that its chunks wrote side by side", () => {
  const { launched } = launches(600);
  const [gathers, logits, losses] = ["gatherRows", "matmul NT", "linearCrossEntropy, losses"].map((label) => labelled(launched, label));
  const [byHidden, scatters, byWeight] = ["matmul NN", "scatterRows", "matmul TN"].map((label) => labelled(launched, label));
  // A group of two chunks, and one of what is left.
  const parts = [
    [0, 256],
    [256, 256],
    [0, 188],
  ];
  expect(gathers!.map(({ of }) => rangeOf(of["y"]!, 2 * HIDDEN))).toEqual(parts);
  expect(logits!.map(({ of }) => of["a"])).toEqual(gathers!.map(({ of }) => of["y"]));
  expect(logits!.map(({ of }) => rangeOf(of["y"]!, 4 * VOCABULARY))).toEqual(parts.map(([, count]) => [0, count]));
  expect(losses!.map(({ of }) => of["logits"])).toEqual(logits!.map(({ of }) => of["y"]));
  expect(losses!.map(({ of }) => rangeOf(of["gradient"]!, 2 * VOCABULARY))).toEqual(parts);
  expect(losses!.map(({ parameters }) => parameters["first"])).toEqual([0, 256, 512]);
  expect(byHidden!.map(({ of }) => of["a"])).toEqual(losses!.map(({ of }) => of["gradient"]));
  expect(byHidden!.map(({ parameters }) => parameters["aStride"])).toEqual([VOCABULARY, VOCABULARY, VOCABULARY]);
  expect(scatters!.map(({ parameters }) => parameters["firstIndex"])).toEqual([0, 256, 512]);
  expect(byWeight!.map(({ of }) => [rangeOf(of["a"]!, 2 * VOCABULARY), rangeOf(of["b"]!, 2 * HIDDEN)])).toEqual([
    [
      [0, 512],
      [0, 512],
    ],
    [
      [0, 188],
      [0, 188],
    ],
  ]);
  for (const { of } of byWeight!) {
    expect([of["a"]!.storage, of["b"]!.storage]).toEqual([losses![0]!.of["gradient"]!.storage, gathers![0]!.of["y"]!.storage]);
  }
  const order = launched.filter(({ label }) => /losses|TN/.test(label)).map(({ label }) => label.startsWith("matmul"));
  expect(order).toEqual([false, false, true, false, true]);
});

it("writes dWeight first and adds to it afterwards, or adds to what was there", () => {
  const accumulates = (addend: boolean): readonly unknown[] =>
    labelled(launches(600, addend).launched, "matmul TN").map(({ parameters }) => parameters["accumulate"]);
  expect(accumulates(false)).toEqual([0, 1]);
  expect(accumulates(true)).toEqual([1, 1]);
});

it("keeps gradients in the place of the logits without groups", () => {
  const [alone, grouped] = [launches(0), launches(600)];
  for (const { of, parameters } of labelled(alone.launched, "matmul TN")) {
    expect(of["a"]!.storage).toBe(labelled(alone.launched, "matmul NT")[0]!.of["y"]!.storage);
    expect(parameters["aStride"]).toBe(2 * VOCABULARY);
  }
  expect(labelled(alone.launched, "matmul TN")).toHaveLength(3);
  // 512 rows of gradients, and of 256 hidden states more.
  expect(grouped.bytes - alone.bytes).toBe(2 * (512 * VOCABULARY + 256 * HIDDEN));
});
