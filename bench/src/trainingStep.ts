/**
 * Milliseconds of one forward and backward pass of the main job's shape on the CPU: Llama of 4 layers, hidden 256, 4 heads
 * of 64 over 2 key/value heads, MLP 640, vocabulary 4096, LoRA r 8 on every linear layer, 16 sequences of 64 tokens with
 * 160 supervised rows. Prints the median, the processor time (which other programs disturb less) and where it goes by op.
 *
 *   pnpm --filter @sft/bench step [threads] [steps]
 */
import { createCpuBackend } from "@sft/kernels-cpu";
import { LanguageModel } from "@sft/model";
import { microBatchProgram } from "@sft/trainer";

const threads = process.argv[2] ? Number(process.argv[2]) : undefined;
const steps = Number(process.argv[3] ?? 20);
const [batch, length, supervised] = [16, 64, 160];

const spent = new Map<string, { milliseconds: number; calls: number }>();
let measuring = false;
const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
let last = 0;
const backend = await createCpuBackend({
  ...(threads ? { threads } : {}),
  profile: (op) => {
    if (!measuring) return;
    const now = processorTime();
    const entry = spent.get(op) ?? { milliseconds: 0, calls: 0 };
    spent.set(op, { milliseconds: entry.milliseconds + now - last, calls: entry.calls + 1 });
    last = now;
  },
});
const model = await LanguageModel.load({
  backend,
  config: {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    vocab_size: 4096,
    hidden_size: 256,
    intermediate_size: 640,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 64,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: "silu",
    tie_word_embeddings: false,
    initializer_range: 0.02,
  },
});
await model.attachLora({ r: 8, alpha: 16, dropout: 0, targetModules: "all-linear" });
const program = microBatchProgram(model, { method: "lora", gradientCheckpointing: false }, { batch, length, supervised });
const { bindings } = model.bind(program);
const fill = (name: string, value: (index: number) => number): void => {
  const tensor = program.tensors.find((one) => one.name === name);
  if (!tensor) return;
  const values = Array.from({ length: tensor.shape[0] }, (_, index) => value(index));
  backend.upload(bindings.get(name)!, tensor.dtype === "i32" ? Int32Array.from(values) : Float32Array.from(values));
};
fill("ids", (index) => (index * 7919) % 4096);
fill("positions", (index) => index % length);
fill("segments", () => 1);
for (const { name, role } of program.tensors) {
  if (role === "input" && name === "rows") fill(name, (index) => index * 6);
  if (role === "input" && name === "loss.rows") fill(name, (index) => index);
  if (role === "input" && name.endsWith("targets")) fill(name, (index) => (index * 31) % 4096);
  if (role === "input" && name.endsWith("weights")) fill(name, () => 1 / supervised);
}
const executable = await backend.compile(program, bindings);
for (let warm = 0; warm < 5; warm++) backend.run(executable);
measuring = true;
const startOfAll = processorTime();
const times = Array.from({ length: steps }, () => {
  const start = performance.now();
  last = processorTime();
  backend.run(executable);
  return performance.now() - start;
}).sort((a, b) => a - b);
console.log(
  `${backend.capabilities.adapter}: median ${times[steps >> 1].toFixed(1)} ms, best ${times[0].toFixed(1)} ms a pass, ${((processorTime() - startOfAll) / steps).toFixed(1)} ms of processor time, ${(executable.scratchBytes / 2 ** 20).toFixed(1)} MiB of activations and scratch`,
);
for (const [op, { milliseconds, calls }] of [...spent].sort((a, b) => b[1].milliseconds - a[1].milliseconds)) {
  console.log(`${op.padEnd(24)} ${(milliseconds / steps).toFixed(2).padStart(8)} ms  ${calls / steps} phases`);
}
await backend.dispose();
