// Kernels that memory bounds, on this machine's GPU: GB/s of each, and its share of what a copy reaches in the same run.
// Bytes are those of every operand once. float16 operands are the activations that mixed precision stores so.
import {
  activation,
  adamw,
  add,
  addBias,
  cast,
  copy,
  gatedActivation,
  gatedActivationGrad,
  gatherRows,
  layerNorm,
  layerNormGrad,
  rmsNorm,
  rmsNormGrad,
  rope,
  Tape,
  type Attributes,
  type OpDefinition,
  type Value,
} from "@sft/kernels";
import { createBackend, type KernelTiming } from "@sft/kernels-webgpu/node";
import { warmUp } from "./warmUp.ts";

const ROWS = 8192;
const RUNS = 15;
/** Runs queued at a time before any is counted. */
const QUEUED = 8;
/** Rows of the rope tables. */
const POSITIONS = 1024;

const timings: (readonly KernelTiming[])[] = [];
const gpu = await createBackend({ precision: "mixed", profile: (run) => timings.push(run) });
console.log(gpu.capabilities.adapter);

/** Names the ops of a program that are measured. */
type Measured = <A extends Attributes>(
  name: string,
  op: OpDefinition<A>,
  inputs: readonly Value[],
  attributes: A,
  into?: readonly Value[],
) => Value;

async function measure(title: string, record: (tape: Tape, measured: Measured) => void): Promise<Map<string, number>> {
  const tape = new Tape(title);
  const names = new Map<number, string>();
  record(tape, (name, op, inputs, attributes, into) => {
    names.set(tape.entries.length, name);
    return tape.apply(op, inputs, attributes, into)[0]!;
  });
  const program = tape.finish();
  const buffers = new Map(program.tensors.filter(({ role }) => role !== "activation").map((tensor) => [tensor.name, gpu.allocate(tensor)]));
  for (const [name, buffer] of buffers) {
    if (buffer.dtype === "i32") {
      const limit = name === "positions" ? POSITIONS : buffer.length;
      gpu.upload(
        buffer,
        Int32Array.from({ length: buffer.length }, (_, i) => (i * 7919) % limit),
      );
      continue;
    }
    const block = Float32Array.from({ length: Math.min(buffer.length, 1 << 20) }, (_, i) => ((i * 48271) % 2047) / 1024 - 1 + 2 ** -12);
    for (let at = 0; at < buffer.length; at += block.length)
      gpu.upload(buffer, block.subarray(0, Math.min(block.length, buffer.length - at)), at);
  }
  const executable = await gpu.compile(program, buffers);
  await warmUp(async () => {
    for (let run = 0; run < QUEUED; run++) gpu.run(executable);
    await gpu.sync();
  });
  timings.length = 0;
  for (let run = 0; run < RUNS; run++) gpu.run(executable);
  await gpu.sync();
  while (timings.length < RUNS) await new Promise((resolve) => setTimeout(resolve, 5));
  const rates = new Map<string, number[]>();
  for (const run of timings) {
    for (const [instruction, name] of names) {
      const launches = run.filter((timing) => timing.instruction === instruction);
      const bytes = launches.reduce((sum, timing) => sum + timing.boundBytes, 0);
      const milliseconds = launches.reduce((sum, timing) => sum + timing.milliseconds, 0);
      rates.set(name, [...(rates.get(name) ?? []), bytes / milliseconds / 1e6]);
    }
  }
  for (const buffer of buffers.values()) gpu.free(buffer);
  gpu.free(executable);
  return new Map([...rates].map(([name, all]) => [name, all.sort((a, b) => a - b)[all.length >> 1]!]));
}

for (const width of [2048, 8192]) {
  const rates = await measure(`width ${width}`, (tape, measured) => {
    const input = (name: string, shape: readonly number[] = [ROWS, width]): Value => tape.input(name, shape, "f32");
    const [x, y, weight, bias] = [input("x"), input("y"), input("weight", [width]), input("bias", [width])];
    const out = tape.output("out", [ROWS, width]);
    measured("copy, float32", copy, [x], {}, [out]);
    measured("residual add, float32", add, [x, y], {}, [out]);
    const rounded = measured("cast to float16", cast, [x], { dtype: "f16" });
    measured("cast to float32", cast, [rounded], { dtype: "f32" }, [out]);
    const [half, other] = [x, y].map((operand) => tape.apply(activation, [operand], { kind: "relu" })[0]!) as [Value, Value];
    const [normed, rstd] = tape.apply(rmsNorm, [x, weight], { epsilon: 1e-5, weightOffset: 0 });
    measured("rmsNorm, float32 to float16", rmsNorm, [x, weight], { epsilon: 1e-5, weightOffset: 0 });
    measured("rmsNorm, float32", rmsNorm, [x, weight], { epsilon: 1e-5, weightOffset: 0 }, [out]);
    measured("rmsNorm gradient, dy float16", rmsNormGrad, [normed!, x, weight, rstd!], { epsilon: 1e-5, weightOffset: 0 }, [out]);
    const [centred, mean, deviation] = tape.apply(layerNorm, [x, weight, bias], { epsilon: 1e-5 });
    measured("layerNorm, float32 to float16", layerNorm, [x, weight, bias], { epsilon: 1e-5 });
    measured("layerNorm gradient, dy float16", layerNormGrad, [centred!, x, weight, mean!, deviation!], {}, [out]);
    measured("SwiGLU, float32", gatedActivation, [x, y], { kind: "silu" }, [out]);
    const gated = measured("SwiGLU, float16", gatedActivation, [half, other], { kind: "silu" });
    measured("SwiGLU gradient, float16", gatedActivationGrad, [gated, half, other], { kind: "silu" });
    measured("GELU, float16", activation, [half], { kind: "gelu" });
    const angles = [tape.input("positions", [ROWS]), input("cos", [POSITIONS, 32]), input("sin", [POSITIONS, 32])];
    measured("rope, float16", rope, [half, ...angles], { headDim: 64, rotaryDim: 64, inverse: false });
    measured("bias, float16", addBias, [half, bias], {});
    measured("rows gathered, float32", gatherRows, [x, tape.input("index", [ROWS])], {}, [out]);
    const scalars = [input("schedule", [4]), input("gate", [3])];
    const [parameter, m, v] = [
      tape.parameter("parameter", [ROWS, width], true),
      tape.external("m", "state", [ROWS, width]),
      tape.external("v", "state", [ROWS, width]),
    ];
    measured(
      "AdamW",
      adamw,
      [parameter, x, m, v, ...scalars],
      { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 },
      [parameter, m, v],
    );
  });
  const ceiling = rates.get("copy, float32")!;
  console.log(`\n| ${ROWS} x ${width} | GB/s | of the copy |\n|---|---|---|`);
  for (const [name, rate] of rates) console.log(`| ${name} | ${rate.toFixed(0)} | ${(rate / ceiling).toFixed(2)} |`);
}
await gpu.dispose();
