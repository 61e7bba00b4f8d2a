import { add, gatedActivation, matmul, opTable, planMemory, rmsNorm, rmsNormGrad, Tape, type Program, type Value } from "@sft/kernels";
import { describe, expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import type { HalfSlots } from "./halfOperands.ts";
import { storeHalf } from "./halfStorage.ts";

const onMatrixUnits: KernelLimits = { ...defaultLimits, matrixUnits: true };

/** What the table becomes when every kernel of these ops knows float16; the pass is tested apart from the kernels. */
const table = new Map<string, HalfSlots>(
  Object.entries({
    matmul: { inputs: [0, 1, 2], outputs: [0], alike: [[0, 2]] },
    rmsNorm: { outputs: [0] },
    rmsNormGrad: { inputs: [0] },
    gatedActivation: { inputs: [0, 1], outputs: [0] },
    gatedActivationGrad: { inputs: [0, 1, 2], outputs: [0, 1] },
    add: { inputs: [0, 1] },
  }),
);

const product = { transposeA: false, transposeB: true, alpha: 1 };

/** A gated block on a residual stream, with a pair of low rank on the product that is added to the stream. */
function gatedBlock(): { readonly program: Program; readonly named: Readonly<Record<string, Value>> } {
  const tape = new Tape("block");
  const weight = (name: string, shape: readonly number[], trainable = false): Value => tape.parameter(name, shape, trainable);
  const token = tape.input("x", [8, 16], "f32");
  const scaled = weight("scaled", [16], true);
  const residual = tape.add(token, token);
  const [normed, rstd] = tape.apply(rmsNorm, [residual, scaled], { epsilon: 1e-5, weightOffset: 0 });
  const gate = tape.apply(matmul, [normed!, weight("gate", [32, 16])], product)[0]!;
  const up = tape.apply(matmul, [normed!, weight("up", [32, 16])], product)[0]!;
  const gated = tape.apply(gatedActivation, [gate, up], { kind: "silu" })[0]!;
  const base = tape.apply(matmul, [gated, weight("down", [16, 32]), residual], product)[0]!;
  const low = tape.apply(matmul, [gated, weight("a", [4, 32], true)], product)[0]!;
  const stream = tape.apply(matmul, [low, weight("b", [16, 4], true), base], product)[0]!;
  tape.apply(add, [stream, stream], {}, [tape.output("y", [8, 16])]);
  return { program: tape.finish(), named: { residual, normed: normed!, rstd: rstd!, gate, up, gated, base, low, stream } };
}

describe("storeHalf", () => {
  const { program, named } = gatedBlock();
  const dtypes = (stored: Program): Record<string, string> =>
    Object.fromEntries(Object.entries(named).map(([name, value]) => [name, stored.tensors[value.id]!.dtype]));

  it("stores what products and activations hand on, and neither the residual stream nor a sum with it nor statistics", () => {
    expect(dtypes(storeHalf(program, onMatrixUnits, table))).toEqual({
      residual: "f32",
      normed: "f16",
      rstd: "f32",
      gate: "f16",
      up: "f16",
      gated: "f16",
      base: "f32",
      low: "f16",
      stream: "f32",
    });
  });

  it("leaves bound tensors as the caller made them", () => {
    const stored = storeHalf(program, onMatrixUnits, table);
    stored.tensors.forEach((tensor, index) => {
      if (tensor.role !== "activation") expect(tensor).toBe(program.tensors[index]);
    });
  });

  it("keeps a tensor that one reader cannot take as float16", () => {
    const without = new Map([...table].filter(([op]) => op !== "gatedActivation"));
    expect(dtypes(storeHalf(program, onMatrixUnits, without))).toMatchObject({ gate: "f32", up: "f32", gated: "f32", normed: "f16" });
  });

  it("returns the program itself without matrix units", () => {
    expect(storeHalf(program, defaultLimits, table)).toBe(program);
  });

  it("stores the sums of a backward pass alike, up to the norm's own gradient", () => {
    const tape = new Tape("sums");
    const input = (name: string, shape: readonly number[]): Value => tape.input(name, shape, "f32");
    const back = { ...product, transposeB: false };
    const byQuery = tape.apply(matmul, [input("dq", [8, 16]), input("q", [16, 16])], back)[0]!;
    const byBoth = tape.apply(matmul, [input("dk", [8, 16]), input("k", [16, 16]), byQuery], back)[0]!;
    const byInput = tape.apply(rmsNormGrad, [byBoth, input("x", [8, 16]), input("w", [16]), input("rstd", [8])], {
      epsilon: 1e-5,
      weightOffset: 0,
    })[0]!;
    tape.add(byInput, input("through", [8, 16]), tape.output("dx", [8, 16]));
    const { tensors } = storeHalf(tape.finish(), onMatrixUnits, table);
    expect([byQuery, byBoth, byInput].map(({ id }) => tensors[id]!.dtype)).toEqual(["f16", "f16", "f32"]);
  });
});

it("hands no float32 memory over to a float16 output of the same op", () => {
  const tape = new Tape("alias");
  const gate = tape.add(tape.input("a", [64, 64], "f32"), tape.input("b", [64, 64], "f32"));
  const up = tape.add(gate, gate);
  const gated = tape.apply(gatedActivation, [gate, up], { kind: "silu" })[0]!;
  tape.copy(gated, tape.output("y", [64, 64]));
  const program = tape.finish();
  const stored = storeHalf(program, onMatrixUnits, new Map(Object.entries({ gatedActivation: { outputs: [0] }, copy: { inputs: [0] } })));
  expect(stored.tensors[gated.id]!.dtype).toBe("f16");
  const slotOf = (plan: ReturnType<typeof planMemory>): readonly number[] => [gate, up, gated].map(({ id }) => plan.slotOf[id]!);
  const [gateSlot, , aliased] = slotOf(planMemory(program, opTable));
  expect(aliased).toBe(gateSlot);
  const [halfGate, halfUp, own] = slotOf(planMemory(stored, opTable));
  expect([halfGate, halfUp]).not.toContain(own);
});
