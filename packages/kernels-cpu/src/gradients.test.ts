import * as k from "@sft/kernels";
import { afterAll, expect, test } from "vitest";
import { createCpuBackend } from "./backend.ts";
import { runProgram } from "./runProgram.ts";

/** A deterministic stream of numbers in [-1, 1): mulberry32. */
function numbers(seed: number, count: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1;
  });
}

interface Case {
  readonly name: string;
  /** Differentiable inputs by shape, and integer inputs by value. */
  readonly floats: Readonly<Record<string, readonly number[]>>;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
  readonly apply: (tape: k.Tape, values: Readonly<Record<string, k.Value>>) => k.Value;
}

const rotation = Array.from({ length: 10 * 2 }, (_, i) => (Math.floor(i / 2) + 1) / (1 + (i % 2)));
const heads = { batch: 2, queryHeads: 4, keyValueHeads: 2, headDim: 3, scale: 0.6, window: 0, softcap: 0 };
const attentionCase = (name: string, change: Partial<k.AttentionAttributes>): Case => ({
  name,
  floats: { q: [10, 12], k: [10, 6], v: [10, 6] },
  integers: { segments: [1, 1, 2, 2, 2, 1, 1, 1, 0, 0] },
  apply: (tape, { q, k: key, v, segments }) => tape.apply(k.attention, [q, key, v, segments], { ...heads, ...change })[0],
});
const matmulCase = (transposeA: boolean, transposeB: boolean): Case => ({
  name: `matmul ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
  floats: { a: transposeA ? [4, 3] : [3, 4], b: transposeB ? [5, 4] : [4, 5], c: [3, 5] },
  apply: (tape, { a, b, c }) => tape.apply(k.matmul, [a, b, c], { transposeA, transposeB, alpha: 0.7 })[0],
});

const cases: readonly Case[] = [
  matmulCase(false, false), matmulCase(false, true), matmulCase(true, false), matmulCase(true, true),
  attentionCase("attention", {}), attentionCase("attention with window", { window: 2 }), attentionCase("attention with soft cap", { softcap: 0.5 }),
  { name: "addBias", floats: { x: [3, 4], b: [4] }, apply: (tape, { x, b }) => tape.apply(k.addBias, [x, b], {})[0] },
  { name: "rmsNorm", floats: { x: [3, 8], w: [4] }, apply: (tape, { x, w }) => tape.apply(k.rmsNorm, [x, w], { epsilon: 1e-5, weightOffset: 1 })[0] },
  { name: "layerNorm", floats: { x: [3, 8], w: [4], b: [4] }, apply: (tape, { x, w, b }) => tape.apply(k.layerNorm, [x, w, b], { epsilon: 1e-5 })[0] },
  { name: "multiply, add and scale", floats: { a: [3, 4], b: [3, 4] }, apply: (tape, { a, b }) => tape.apply(k.scale, [tape.add(tape.apply(k.multiply, [a, b], {})[0], a)], { factor: -1.5 })[0] },
  ...(["silu", "gelu", "geluTanh", "relu"] as const).flatMap((kind): Case[] => [
    { name: `activation ${kind}`, floats: { x: [3, 5] }, apply: (tape, { x }) => tape.apply(k.activation, [x], { kind })[0] },
    { name: `gatedActivation ${kind}`, floats: { gate: [3, 5], up: [3, 5] }, apply: (tape, { gate, up }) => tape.apply(k.gatedActivation, [gate, up], { kind })[0] },
  ]),
  { name: "embedding", floats: { w: [4, 3] }, integers: { ids: [2, 0, 2], order: [1, 0, 2] }, apply: (tape, { w, ids, order }) => tape.apply(k.embedding, [w, ids, order], {})[0] },
  {
    name: "rope", floats: { x: [3, 12] }, integers: { positions: [0, 7, 3] },
    apply: (tape, { x, positions }) => {
      const table = (name: string): k.Value => tape.external(name, "input", [10, 2], "f32");
      return tape.apply(k.rope, [x, positions, table("cos"), table("sin")], { headDim: 6, rotaryDim: 4, inverse: false })[0];
    },
  },
  { name: "dropout", floats: { x: [5, 5] }, integers: { seed: [5] }, apply: (tape, { x, seed }) => tape.apply(k.dropout, [x, seed], { probability: 0.4, salt: 3 })[0] },
  ...[0, 0.8].map((softcap): Case => ({
    name: `linearCrossEntropy with soft cap ${softcap}`,
    floats: { x: [5, 3], w: [7, 3] }, integers: { rows: [4, 1, -1, 2], targets: [6, 0, 0, 3] },
    apply: (tape, { x, w, rows, targets }) => tape.apply(k.linearCrossEntropy, [x, w, rows, targets, tape.external("weights", "input", [4], "f32")], { softcap })[0],
  })),
];

/** A fixed head of 7 classes over all rows of y, so that every element of y has a gradient of its own. */
function crossEntropyOf(tape: k.Tape, y: k.Value, data: Record<string, number[]>): k.Value {
  const [rows, width] = y.shape;
  data.head = numbers(99, 7 * width);
  data.everyRow = Array.from({ length: rows }, (_, row) => row);
  data.classes = data.everyRow.map((row) => row % 7);
  data.rowWeights = numbers(98, rows);
  const operands = [tape.external("head", "input", [7, width], "f32"), tape.input("everyRow", [rows]), tape.input("classes", [rows]), tape.external("rowWeights", "input", [rows], "f32")];
  return tape.apply(k.linearCrossEntropy, [y, ...operands], { softcap: 0 })[0];
}

const backend = await createCpuBackend({ precision: "float64" });
afterAll(() => backend.dispose());

// Central differences with h = 1e-5 in float64: truncation about h^2 = 1e-10, rounding about 1e-16 / h = 1e-11 of values near 1.
test.each(cases)("gradient of $name equals central differences in float64", async ({ floats, integers = {}, apply }) => {
  const tape = new k.Tape("gradient");
  const values: Record<string, k.Value> = {};
  const data: Record<string, number[]> = { cos: rotation.map(Math.cos), sin: rotation.map(Math.sin), weights: [0.5, 2, 9, 0.25] };
  for (const [name, shape] of Object.entries(floats)) {
    values[name] = tape.parameter(name, shape, true);
    data[name] = numbers(name.charCodeAt(0) + shape[0], k.elementCount(shape));
  }
  for (const [name, list] of Object.entries(integers)) {
    values[name] = tape.input(name, [list.length]);
    data[name] = [...list];
  }
  const y = apply(tape, values);
  const loss = y.shape.length === 1 ? y : crossEntropyOf(tape, y, data);
  tape.copy(loss, tape.output("loss", [1]));
  k.backward(tape, loss, (parameter) => tape.external(`d.${parameter.name}`, "gradient", parameter.shape));
  const program = tape.finish();
  const analytic = await runProgram(backend, program, data);
  const h = 1e-5;
  for (const name of Object.keys(floats)) {
    for (let i = 0; i < data[name].length; i++) {
      const lossAt = async (shift: number): Promise<number> => {
        const moved = data[name].map((value, index) => (index === i ? value + shift : value));
        return (await runProgram(backend, program, { ...data, [name]: moved })).loss[0];
      };
      const numeric = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
      expect(Math.abs(analytic[`d.${name}`][i] - numeric), `d.${name}[${i}]`).toBeLessThan(2e-9 + 2e-9 * Math.abs(numeric));
    }
  }
});
