// Attention on this machine's GPU, forward and backward: correctness on small odd shapes against float64, then times at the shapes of real models.
import { addBias, attention, attentionGrad, Tape, type AttentionAttributes, type Backend, type Value } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { createBackend, type KernelTiming } from "@sft/kernels-webgpu/node";
import { warmUp } from "./warmUp.ts";

interface Shape extends AttentionAttributes {
  readonly tokens: number;
  readonly packed?: boolean;
  readonly rising?: boolean;
  readonly gradientSize?: number;
  /** Operands and results as activations, which the backend stores as float16. */
  readonly half?: boolean;
}
type Inputs = Readonly<Record<"q" | "k" | "v" | "dOut", Float32Array>> & { readonly segments: Int32Array };

/** Values in (-1, 1) times `size`, repeated with a period that no row has. */
function random(length: number, seed: number, size = 1): Float32Array {
  let state = seed * 2 + 1;
  const period = Math.min(length, 100_003);
  const values = new Float32Array(length);
  for (let i = 0; i < period; i++) values[i] = size * ((state = (state * 48271) % 2147483647) / 1073741823.5 - 1);
  for (let at = period; at < length; at += period) values.copyWithin(at, 0, Math.min(period, length - at));
  return values;
}

function inputs({ batch, tokens, queryHeads, keyValueHeads, headDim, packed, rising, gradientSize = 1 }: Shape): Inputs {
  const rows = batch * tokens;
  const k = random(rows * keyValueHeads * headDim, 2, 2);
  // Keys that grow along the sequence make the highest score rise over and over.
  if (rising) for (let i = 0; i < k.length; i++) k[i]! *= 1 + (8 * (Math.floor(i / (keyValueHeads * headDim)) % tokens)) / tokens;
  const dOut = random(rows * queryHeads * headDim, 4, gradientSize);
  // Gradients of very different sizes, as tokens with and without loss have.
  for (let i = 0; i < dOut.length; i++) if (Math.floor(i / (queryHeads * headDim)) % 7 === 3) dOut[i]! *= 1e-3;
  const segments = Int32Array.from({ length: rows }, (_, row) => {
    const token = row % tokens;
    return !packed ? 1 : token < tokens * 0.3 ? 1 : token < tokens * 0.55 ? 2 : token < tokens * 0.9 ? 3 : 0;
  });
  return { q: random(rows * queryHeads * headDim, 1, 2), k, v: random(rows * keyValueHeads * headDim, 3), dOut, segments };
}

async function prepare(backend: Backend, shape: Shape, given: Inputs, repeat: number, parts: "both" | "forward" | "backward") {
  const { tokens, packed: _, rising: __, gradientSize: ___, half, ...attributes } = shape;
  const rows = shape.batch * tokens;
  const [queryWidth, keyWidth] = [shape.queryHeads * shape.headDim, shape.keyValueHeads * shape.headDim];
  const tape = new Tape("attention");
  const zeros = (width: number): Value => tape.input(`zeros${width}`, [width], "f32");
  const bias = half ? new Map([...new Set([queryWidth, keyWidth])].map((width) => [width, zeros(width)])) : new Map<number, Value>();
  /** The same values by way of an op that may write float16, or as they are. */
  const passed = (value: Value, to?: Value): Value =>
    half ? tape.apply(addBias, [value, bias.get(value.shape[1]!)!], {}, to && [to])[0]! : value;
  const q = passed(tape.input("q", [rows, queryWidth], "f32"));
  const k = passed(tape.input("k", [rows, keyWidth], "f32"));
  const v = passed(tape.input("v", [rows, keyWidth], "f32"));
  const dOut = passed(tape.input("dOut", [rows, queryWidth], "f32"));
  const segments = tape.input("segments", [rows], "i32");
  const lse = tape.output("logSumExp", [rows * shape.queryHeads]);
  const outputs = {
    out: tape.output("out", [rows, queryWidth]),
    dq: tape.output("dq", [rows, queryWidth]),
    dk: tape.output("dk", [rows, keyWidth]),
    dv: tape.output("dv", [rows, keyWidth]),
  };
  let out: Value = outputs.out;
  let gradients: readonly Value[] = [outputs.dq, outputs.dk, outputs.dv];
  if (half && parts === "backward") out = passed(tape.input("givenOut", [rows, queryWidth], "f32"));
  for (let i = 0; i < repeat; i++) {
    if (half) {
      if (parts !== "backward") out = tape.apply(attention, [q, k, v, segments], attributes, [undefined, lse])[0]!;
      if (parts !== "forward") gradients = tape.apply(attentionGrad, [dOut, q, k, v, segments, out, lse], attributes);
    } else {
      if (parts !== "backward") tape.apply(attention, [q, k, v, segments], attributes, [out, lse]);
      if (parts !== "forward") tape.apply(attentionGrad, [dOut, q, k, v, segments, out, lse], attributes, gradients);
    }
  }
  if (half && parts !== "backward") passed(out, outputs.out);
  if (half && parts !== "forward") [outputs.dq, outputs.dk, outputs.dv].forEach((output, i) => passed(gradients[i]!, output));
  const program = tape.finish();
  const buffers = new Map(
    program.tensors.filter(({ role }) => role !== "activation").map((tensor) => [tensor.name, backend.allocate(tensor)]),
  );
  for (const [name, buffer] of buffers)
    backend.upload(buffer, name in given ? given[name as keyof Inputs] : new Float32Array(buffer.length));
  return { executable: await backend.compile(program, buffers), buffers };
}

const gpu = await createBackend({ precision: "mixed" });
const oracle = await createCpuBackend({ precision: "float64", threads: 1 });
console.log(gpu.capabilities.adapter);
const usual = { batch: 1, queryHeads: 3, keyValueHeads: 1, headDim: 64, scale: 0.125, window: 0, softcap: 0 };
const odd: Shape[] = [1, 17, 65, 130, 200].flatMap((tokens) =>
  [64, 128].map((headDim) => ({ ...usual, headDim, tokens, batch: 2, scale: headDim ** -0.5 })),
);
odd.push(
  { ...usual, tokens: 130, queryHeads: 2, keyValueHeads: 2, batch: 3 },
  { ...usual, tokens: 200, packed: true, batch: 2 },
  { ...usual, tokens: 300, packed: true, headDim: 128 },
  { ...usual, tokens: 200, window: 1 },
  { ...usual, tokens: 200, window: 33 },
  { ...usual, tokens: 300, window: 100, packed: true },
  { ...usual, tokens: 200, window: 64, headDim: 128 },
  { ...usual, tokens: 130, softcap: 2 },
  { ...usual, tokens: 200, softcap: 5, window: 50, packed: true, headDim: 128 },
  { ...usual, tokens: 257, rising: true, batch: 2 },
  { ...usual, tokens: 257, rising: true, headDim: 128, scale: 128 ** -0.5 },
  // Enough keys for the large blocks of their gradient.
  { ...usual, batch: 4, tokens: 1061, queryHeads: 8, keyValueHeads: 8, packed: true },
  { ...usual, tokens: 130, gradientSize: 1e-7 },
  { ...usual, tokens: 130, gradientSize: 1e7 },
  { ...usual, tokens: 130, gradientSize: 1e-7, headDim: 128 },
  { ...usual, tokens: 100, headDim: 16 },
  { ...usual, tokens: 100, headDim: 48 },
  { ...usual, tokens: 100, headDim: 80 },
  { ...usual, tokens: 100, headDim: 112 },
);
// The same in float16, but for gradients outside of its range; in memory they come scaled to fit.
odd.push(...odd.filter(({ gradientSize = 1 }) => gradientSize === 1).map((shape) => ({ ...shape, half: true })));
// Float16 rounds operands and weights by at most 2^-11 each; a handful of roundings in a chain stay under 2e-3 in the mean square.
const BOUND = 2e-3;
const worst: Record<string, number> = {};
let wrong = 0;
for (const shape of odd) {
  const given = inputs(shape);
  const [one, two] = [await prepare(gpu, shape, given, 1, "both"), await prepare(oracle, shape, given, 1, "both")];
  gpu.run(one.executable);
  oracle.run(two.executable);
  for (const name of ["out", "logSumExp", "dq", "dk", "dv"]) {
    const [actual, expected] = [await gpu.download(one.buffers.get(name)!), await oracle.download(two.buffers.get(name)!)];
    let [difference, norm] = [0, 0];
    for (let i = 0; i < expected.length; i++) {
      difference += (actual[i]! - expected[i]!) ** 2;
      norm += expected[i]! ** 2;
    }
    // One token alone has no gradient by its score: what the reference leaves there is its own rounding.
    if (norm < 1e-20 * (shape.gradientSize ?? 1) ** 2) continue;
    const error = Math.sqrt(difference / norm);
    worst[name] = Math.max(worst[name] ?? 0, error);
    if (!(error <= BOUND)) {
      wrong++;
      console.log(`WRONG ${name} ${error.toExponential(2)} ${JSON.stringify(shape)}`);
    }
  }
}
console.log(
  `${odd.length} shapes, ${wrong} outputs past ${BOUND}; worst: ${Object.entries(worst)
    .map(([name, error]) => `${name} ${error.toExponential(2)}`)
    .join(", ")}`,
);

const timed: Shape[] = [
  { ...usual, batch: 8, tokens: 1024, queryHeads: 32, keyValueHeads: 8, half: true },
  { ...usual, batch: 8, tokens: 1024, queryHeads: 32, keyValueHeads: 8 },
  { ...usual, batch: 8, tokens: 1024, queryHeads: 9, keyValueHeads: 3, half: true },
  { ...usual, batch: 8, tokens: 1024, queryHeads: 14, keyValueHeads: 2, half: true },
  { ...usual, batch: 8, tokens: 1024, queryHeads: 32, keyValueHeads: 8, packed: true, half: true },
  { ...usual, batch: 4, tokens: 1024, queryHeads: 32, keyValueHeads: 8, headDim: 128, scale: 128 ** -0.5, half: true },
];
let timings: readonly KernelTiming[] = [];
const profiled = await createBackend({
  precision: "mixed",
  profile: (all) => {
    timings = all;
  },
});
for (const shape of timed) {
  const given = inputs(shape);
  const line: string[] = [];
  let sum = 0;
  for (const part of ["forward", "backward"] as const) {
    const repeat = 20;
    const { executable, buffers } = await prepare(gpu, shape, given, repeat, part);
    const times: number[] = [];
    await warmUp(async () => {
      gpu.run(executable);
      await gpu.sync();
    });
    for (let i = 0; i < 3; i++) {
      const start = performance.now();
      gpu.run(executable);
      await gpu.sync();
      times.push((performance.now() - start) / repeat);
    }
    const ms = times.sort((x, y) => x - y)[1]!;
    sum += ms;
    // Two products forward, five backward by the usual count, over half of the square.
    const flops = (part === "forward" ? 2 : 5) * shape.batch * shape.queryHeads * shape.tokens ** 2 * shape.headDim;
    line.push(`${part} ${(ms * 1000).toFixed(0)} us (${(flops / ms / 1e9).toFixed(0)} TFLOP/s)`);
    gpu.free(executable);
    for (const buffer of buffers.values()) gpu.free(buffer);
  }
  const { executable, buffers } = await prepare(profiled, shape, given, 1, "both");
  await warmUp(async () => {
    profiled.run(executable);
    await profiled.sync();
  });
  profiled.free(executable);
  for (const buffer of buffers.values()) profiled.free(buffer);
  console.log(
    `${shape.batch}x${shape.tokens}, ${shape.queryHeads}/${shape.keyValueHeads} heads of ${shape.headDim}${shape.packed ? ", packed" : ""}${shape.half ? ", float16" : ""}: ${line.join(", ")}, together ${(sum * 1000).toFixed(0)} us`,
  );
  console.log(`  each alone: ${timings.map(({ kernel, milliseconds }) => `${kernel} ${(milliseconds * 1000).toFixed(0)} us`).join("; ")}`);
}
await profiled.dispose();
await gpu.dispose();
await oracle.dispose();
