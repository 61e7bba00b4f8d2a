/**
 * Peak memory of a whole run over a large folder of random weights: written in shards, downloaded from a hub on the loopback
 * address, loaded, one LoRA step, saved and merged. The hub is a process of its own, so that its memory does not count.
 * The bound is 1.3 times the largest shard, plus what the backend holds, plus what an idle Node with this code holds.
 *
 *   pnpm --filter @sft/bench large-folder [CONFIG.json] [SHARD_MEGABYTES] [BACKEND] [float32 | float16]
 *
 * The last word says how the frozen base is held. The CPU backend holds 4 GiB at most, some 950 million parameters in float32 and twice
 * as many in float16, which models/llama-3.2-1b.json needs there.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fork } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { float32ToBfloat16, openModelFolder, writeModelFolder, type TensorToWrite } from "@sft/checkpoint";
import { padBatch } from "@sft/mask";
import { findFamily, LanguageModel, randomFrom } from "@sft/model";
import { defaultSettings, OptimiserStep, saveWeights } from "@sft/trainer";
import { selectBackend } from "../../apps/cli/src/backend/selectBackend.ts";
import { meterBackend } from "../../apps/cli/src/bench/meteredBackend.ts";
import { downloadRepository } from "../../apps/cli/src/hub/downloadRepository.ts";
import { openMergeSource, writeHuggingFace } from "../../apps/cli/src/merge/writeHuggingFace.ts";

const [commit, repository] = ["0123456789abcdef0123456789abcdef01234567", "bench/large"];
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const peak = (): number => process.resourceUsage().maxRSS * 1024;

if (process.argv[2] === "serve") await serve(process.argv[3]!);
else
  await measure(
    process.argv[2] ?? fileURLToPath(new URL("../models/smollm2-135m.json", import.meta.url)),
    Number(process.argv[3] ?? 1000) * 1e6,
  );

/** Writes the folder and answers as the hub does; both in a process of its own. */
async function serve(argument: string): Promise<void> {
  const { folder, config, maxShardBytes } = JSON.parse(argument) as {
    folder: string;
    config: Record<string, unknown>;
    maxShardBytes: number;
  };
  await writeModelFolder(folder, { config, tensors: randomTensors(config), maxShardBytes });
  const listed = await Promise.all(
    (await readdir(folder)).map(async (path) => {
      const hash = createHash("sha256");
      for await (const chunk of createReadStream(join(folder, path))) hash.update(chunk as Buffer);
      const { size } = await stat(join(folder, path));
      return { type: "file", path, size, oid: "0".repeat(40), lfs: { oid: hash.digest("hex"), size, pointerSize: 130 } };
    }),
  );
  const server = createServer((request, response) => {
    const path = request.url!.split("?")[0]!;
    if (path.includes("/revision/")) response.end(JSON.stringify({ _id: "1", id: repository, sha: commit, lastModified: "2026-01-01" }));
    else if (path.includes("/tree/")) response.end(JSON.stringify(listed));
    else createReadStream(join(folder, path.split("/").at(-1)!)).pipe(response);
  });
  server.listen(0, "127.0.0.1", () => process.send!((server.address() as AddressInfo).port));
}

function* randomTensors(config: Record<string, unknown>): Generator<TensorToWrite> {
  const family = findFamily(config);
  const random = randomFrom(1);
  for (const { name, shape, kind } of family.parameters(family.readConfig(config))) {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = async (): Promise<Uint16Array> =>
      float32ToBfloat16(kind === "norm" ? new Float32Array(count).fill(1) : new Float32Array(count).map(() => (random() - 0.5) * 0.06));
    yield { name, shape, dtype: "BF16", data };
  }
}

async function measure(configPath: string, maxShardBytes: number): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), "sft-large-"));
  const config = JSON.parse(await readFile(configPath, "utf8")) as Record<string, unknown>;
  const served = join(place, "served");
  const hub = fork(fileURLToPath(import.meta.url), ["serve", JSON.stringify({ folder: served, config, maxShardBytes })], {
    execArgv: process.execArgv,
  });
  try {
    const port = await new Promise<number>((resolve, reject) =>
      hub.once("message", (message) => resolve(message as number)).once("exit", () => reject(new Error("the hub ended"))),
    );
    const idle = peak();
    const report = (stage: string): void => console.log(`${stage.padEnd(10)} peak resident ${mebibytes(peak())}`);
    const { folder } = await downloadRepository({
      repository,
      revision: "main",
      token: undefined,
      hubUrl: `http://127.0.0.1:${port}`,
      cacheDir: join(place, "cache"),
      everything: false,
    });
    report("download");
    await rm(served, { recursive: true });
    await using base = await openModelFolder(folder);
    const parameters = [...base.tensors.tensors.values()].reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    const frozenWeights = process.argv[5] === "float16" ? "float16" : "float32";
    const { backend, peakBytes } = meterBackend(await selectBackend({ backend: process.argv[4] ?? "cpu" }, process.cwd()));
    const model = await LanguageModel.load({ backend, config: base.config, weights: base.tensors, positions: 16, frozenWeights });
    report("load");
    await model.attachLora({ r: 8, alpha: 16, dropout: 0, targetModules: "all-linear" });
    const optimiser = await OptimiserStep.create(model, { ...defaultSettings, maxSteps: 1 });
    const ids = Int32Array.from({ length: 17 }, (_, index) => (index * 7919) % model.config.vocabSize);
    const batch = padBatch([{ inputIds: ids.slice(0, 16), targets: ids.slice(1), weights: new Float32Array(16).fill(1) }]);
    const { loss } = await (await optimiser.run([batch], 0)).metrics;
    report("step");
    await saveWeights(join(place, "adapter"), { model, method: "lora", baseModel: folder });
    await using source = await openMergeSource(folder, join(place, "adapter"), false);
    await writeHuggingFace(source, { output: join(place, "merged"), maxShardBytes });
    report("save");
    const sizes = await Promise.all(
      (await readdir(folder)).filter((name) => name.endsWith(".safetensors")).map(async (name) => (await stat(join(folder, name))).size),
    );
    const bound = 1.3 * Math.max(...sizes) + peakBytes() + idle;
    console.log(
      `${(parameters / 1e6).toFixed(0)} million parameters in ${sizes.length} shards, the largest ${mebibytes(Math.max(...sizes))}; loss ${loss.toFixed(3)}`,
    );
    console.log(
      `${peak() <= bound ? "pass" : "FAIL"}: peak resident ${mebibytes(peak())}; the bound is 1.3 shards + backend ${mebibytes(peakBytes())} + idle ${mebibytes(idle)} = ${mebibytes(bound)}`,
    );
    process.exitCode = peak() <= bound ? 0 : 1;
    optimiser.dispose();
    await backend.dispose();
  } finally {
    hub.kill();
    await rm(place, { recursive: true, force: true });
  }
}
