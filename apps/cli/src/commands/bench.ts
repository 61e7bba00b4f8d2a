import type { Backend } from "@sft/kernels";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { selectBackend } from "../backend/selectBackend.ts";
import { benchGemm } from "../bench/benchGemm.ts";
import { benchTrain } from "../bench/benchTrain.ts";
import { measureCeilings } from "../bench/ceilings.ts";
import { keepProfile } from "../bench/kernelProfile.ts";
import { profileTable } from "../bench/profileTable.ts";
import { rooflinePage } from "../bench/roofline.ts";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, countOf, textOf, wordOf, type FlagValues } from "../flagValues.ts";
import { backendFlags, backendOf } from "../model/modelFlags.ts";

export const examples: readonly string[] = [
  "sft bench train --model ./model --method lora --batch 16 --seq 96",
  "sft bench train --model config.json --method full --batch 4 --seq 256 --json    # random weights",
  "sft bench train --model config.json --precision mixed --roofline ROOFLINE.md    # where a GPU's time goes",
  "sft bench gemm --m 512 --n 512 --k 512 --layout nt --dtype f32 --json",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: { name: "bench", description: "Measure whole training steps (train) or one matrix product (gemm)." },
  args: {
    what: { type: "positional", required: true, description: "train or gemm" },
    model: { type: "string", description: "train: a model folder, or a config.json for random weights" },
    method: { type: "string", default: "lora", description: "train: lora or full" },
    batch: { type: "string", default: "4", description: "train: rows" },
    seq: { type: "string", default: "128", description: "train: tokens a row" },
    steps: { type: "string", default: "5", description: "train: steps to time, after two to warm up" },
    "gradient-checkpointing": { type: "boolean", description: "train: compute activations again instead of keeping them" },
    m: { type: "string", default: "512", description: "gemm: rows of the product" },
    n: { type: "string", default: "512", description: "gemm: columns of the product" },
    k: { type: "string", default: "512", description: "gemm: length of the sums" },
    layout: { type: "string", default: "nn", description: "gemm: nn, nt or tn (t: stored transposed)" },
    dtype: { type: "string", default: "f32", description: "gemm: f32 or f16" },
    repeats: { type: "string", default: "10", description: "gemm: runs a sample" },
    profile: { type: "boolean", description: "also print where a run's time goes on the GPU, kernel by kernel, beside its ceilings" },
    roofline: { type: "string", description: "also write a page in Markdown to this file: each op's intensity, rate and ceiling" },
    autotune: {
      type: "boolean",
      description: "time the tiles of each shape of product once, and keep the choices in the user's cache folder",
    },
    ...backendFlags,
    json: { type: "boolean", description: "print one JSON object" },
  } as ArgsDef,
  async run({ args }) {
    const measure = args.what === "train" ? trainBench(args) : args.what === "gemm" ? gemmBench(args) : undefined;
    if (!measure) throw usageError("bad-flag", `There is no bench ${JSON.stringify(args.what)}.`, "There are: train, gemm.");
    const roofline = textOf(args, "roofline");
    const kept = booleanOf(args, "profile") || roofline !== undefined ? keepProfile() : undefined;
    const backend = await selectBackend(
      { ...backendOf(args), autotune: booleanOf(args, "autotune"), ...(kept ? { profile: kept.profile } : {}) },
      process.cwd(),
    );
    try {
      const ceilings = kept && (await measureCeilings(backend, kept));
      const result = await measure(backend);
      const timings = kept?.of((program) => ["micro-batch", "update", "gemm"].includes(program)) ?? [];
      if (kept && (timings.length === 0 || !ceilings))
        process.stderr.write("--profile and --roofline need a GPU with timestamps; nothing was timed\n");
      else if (kept) process.stderr.write(`${profileTable(timings, 40, ceilings)}\n`);
      if (roofline !== undefined && ceilings) {
        const command = `sft bench ${process.argv.slice(3).join(" ")}`;
        const { adapter } = backend.capabilities;
        await writeFile(roofline, rooflinePage(timings, ceilings, { command, adapter, date: new Date().toISOString().slice(0, 10) }));
      }
      const text = booleanOf(args, "json")
        ? JSON.stringify(result)
        : Object.entries(result)
            .map(([key, value]) => `${key.padEnd(16)} ${shown(value)}`)
            .join("\n");
      process.stdout.write(`${text}\n`);
    } finally {
      await backend.dispose();
    }
  },
});

export default command;

type Measure = (backend: Backend) => Promise<object>;

function trainBench(args: FlagValues): Measure {
  const model = textOf(args, "model");
  if (model === undefined)
    throw usageError(
      "missing-flag",
      "sft bench train needs a model.",
      "Give --model with a model folder, or with a config.json for random weights.",
    );
  const method = wordOf(args, "method", ["lora", "full"])!;
  const [batch, sequence, steps] = [countOf(args, "batch")!, countOf(args, "seq")!, countOf(args, "steps")!];
  return (backend) =>
    benchTrain(backend, {
      model: resolve(model),
      method,
      batch,
      sequence,
      steps,
      warmup: 2,
      gradientCheckpointing: booleanOf(args, "gradient-checkpointing"),
    });
}

function gemmBench(args: FlagValues): Measure {
  const [m, n, k, repeats] = [countOf(args, "m")!, countOf(args, "n")!, countOf(args, "k")!, countOf(args, "repeats")!];
  const [layout, dtype] = [wordOf(args, "layout", ["nn", "nt", "tn"])!, wordOf(args, "dtype", ["f32", "f16"])!];
  return (backend) => benchGemm(backend, { m, n, k, layout, dtype, repeats });
}

function shown(value: unknown): string {
  return typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 2 }) : String(value);
}
