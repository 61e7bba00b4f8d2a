// What lies in memory where a training pass needs most of it, as the WebGPU backend runs it on a large GPU; counted without one.
//   liveSet MODEL.json lora|full BATCH SEQUENCE [recompute] [float32]
import { readFile } from "node:fs/promises";
import { byteLength, createPlanningBackend, opTable, type Program } from "@sft/kernels";
import { HALF_COPIES_FROM, listDispatches } from "@sft/kernels-webgpu";
import { frozenWeightsFor, LanguageModel, type TrainingMethod } from "@sft/model";
import { defaultSettings, microBatchProgram, paddedSupervised } from "@sft/trainer";

const MIB = 2 ** 20;
const [file, method = "lora", batch = "8", sequence = "1024", ...words] = process.argv.slice(2);
const mixed = !words.includes("float32");
/** An H100's limits. */
const limits = {
  maxBindingBytes: 2 ** 31 - 256,
  maxWorkgroupsPerDimension: 65535,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
  matrixUnits: mixed,
};

const config = JSON.parse(await readFile(file!, "utf8")) as Record<string, unknown>;
const halves = { halfWeights: mixed, halfCopiesFrom: HALF_COPIES_FROM };
const backend = createPlanningBackend({ partAlignment: 128, ...halves, ...(mixed ? { productRoundoff: 2 ** -11 } : {}) });
const frozenWeights = method === "lora" ? frozenWeightsFor(backend.capabilities) : "float32";
const [rows, length] = [Number(batch), Number(sequence)];
const model = await LanguageModel.load({ backend, config, positions: length, frozenWeights, empty: true });
if (method === "lora") await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
const settings = { ...defaultSettings, method: method as TrainingMethod, gradientCheckpointing: words.includes("recompute") };
const pass = microBatchProgram(model, settings, { batch: rows, length, supervised: paddedSupervised(Math.round((rows * length * 2) / 3)) });
const { program, plan } = listDispatches(pass, opTable, limits);
const { tensors, instructions } = program;

/** Positions of the first write and the last use of each activation. */
function lifetimes({ instructions: all }: Program): ReadonlyMap<number, { readonly from: number; to: number }> {
  const found = new Map<number, { from: number; to: number }>();
  all.forEach(({ inputs, outputs }, position) => {
    for (const index of [...inputs, ...outputs]) {
      if (tensors[index]!.role !== "activation") continue;
      const lifetime = found.get(index);
      if (lifetime) lifetime.to = position;
      else found.set(index, { from: position, to: position });
    }
  });
  return found;
}

const lives = lifetimes(program);
const bytesAt = new Float64Array(instructions.length + 1);
for (const [index, { from, to }] of lives) {
  bytesAt[from]! += byteLength(tensors[index]!);
  bytesAt[to + 1]! -= byteLength(tensors[index]!);
}
bytesAt.forEach((bytes, position) => (bytesAt[position] = bytes + (bytesAt[position - 1] ?? 0)));
const peak = bytesAt.reduce((best, bytes, position) => (bytes > bytesAt[best]! ? position : best), 0);

const groups = new Map<string, { bytes: number; count: number }>();
for (const [index, { from, to }] of lives) {
  if (from > peak || to < peak) continue;
  const { dtype, shape } = tensors[index]!;
  const readers = new Set(instructions.slice(peak).flatMap(({ op, inputs }) => (inputs.includes(index) ? [op] : [])));
  const writer = instructions[from]!;
  const name = `${writer.op}, ${writer.section === "backward" ? "backward" : "forward"} | ${dtype}[${shape.join(", ")}] | ${[...readers].join(", ")}`;
  const group = groups.get(name) ?? { bytes: 0, count: 0 };
  groups.set(name, { bytes: group.bytes + byteLength(tensors[index]!), count: group.count + 1 });
}
const { op, section } = instructions[peak]!;
console.log(
  `${(plan.activationBytes / MIB).toFixed(0)} MiB planned, no plan can need less than ${(plan.lowerBoundBytes / MIB).toFixed(0)}; besides ${(plan.externalBytes / MIB).toFixed(0)} MiB of bound tensors`,
);
console.log(
  `most activations, ${(bytesAt[peak]! / MIB).toFixed(0)} MiB, at instruction ${peak} of ${instructions.length}: ${op}, ${section ?? "forward"}\n`,
);
console.log("| MiB | tensors | written by | each | still read by |\n|---|---|---|---|---|");
for (const [name, { bytes, count }] of [...groups].sort((a, b) => b[1].bytes - a[1].bytes)) {
  console.log(`| ${(bytes / MIB).toFixed(0)} | ${count} | ${name} |`);
}
