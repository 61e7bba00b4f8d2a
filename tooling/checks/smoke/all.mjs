// The whole way of one record through the built packages: rows -> segments -> ids and weights -> three optimiser steps.
import assert from "node:assert/strict";
import { join } from "node:path";
import { openModelFolder } from "@sft/checkpoint";
import { createBatchSampler, readAllRows } from "@sft/data";
import { createCpuBackend } from "@sft/kernels-cpu";
import { encodeRendering, shiftTargets } from "@sft/mask";
import { LanguageModel } from "@sft/model";
import { findTemplate, readRecord } from "@sft/templates";
import { loadTokenizer } from "@sft/tokenizer/node";
import { defaultSettings, paddedBatches, train } from "@sft/trainer";

const dictionary = join(process.env.SFT_REPOSITORY, "apps/cli/dictionary");
const tokenizer = await loadTokenizer(join(dictionary, "model"));
const template = findTemplate("alpaca");
const rows = (await readAllRows(join(dictionary, "data/dictionary-test.json"))).slice(0, 8);
const examples = rows.map(({ value }) => {
  const rendering = template.render(readRecord(value), { specialTokens: { eos: tokenizer.eos.text } });
  return shiftTargets(encodeRendering(rendering, tokenizer, { mask: "completion" }));
});
const backend = await createCpuBackend();
const folder = await openModelFolder(join(dictionary, "model"));
const model = await LanguageModel.load({ backend, config: folder.config, weights: folder.tensors });
await model.attachLora({ r: 4, alpha: 8, dropout: 0, targetModules: "all-linear" });
const batches = createBatchSampler({ rows: examples.length, batchSize: 8, seed: 0 });
const sampler = { next: () => batches.next().indices, epoch: 0, state: () => batches.state(), restore: (state) => batches.restore(state) };
const losses = [];
await train({
  model,
  settings: { ...defaultSettings, maxSteps: 3, learningRate: 2e-3 },
  batches: paddedBatches(examples, sampler, { microBatchSize: 4 }),
  onEvent: (event) => void (event.type === "step" && losses.push(event.loss)),
});
await folder.close();
await backend.dispose();
assert.equal(losses.length, 3);
assert.ok(losses[2] < losses[0], String(losses));
console.log(`all packages together: losses ${losses.map((loss) => loss.toFixed(3)).join(", ")}`);
