import { makeFolder, writeFileAtomic } from "@sft/checkpoint";
import type { Backend } from "@sft/kernels";
import type { LanguageModel } from "@sft/model";
import { shiftTargets } from "@sft/mask";
import { train, type TrainingEvent, type TrainResult } from "@sft/trainer";
import { join } from "node:path";
import { stringify } from "yaml";
import { hearingBackend } from "../backend/hearingBackend.ts";
import { baseRecordFiles } from "../model/baseRecord.ts";
import { companionFiles } from "../model/companionFiles.ts";
import { loadModel } from "../model/openModel.ts";
import { generationConfigWith } from "../model/stopIds.ts";
import type { Reporter } from "../progress/reporter.ts";
import { seededBatches } from "../rows/seededBatches.ts";
import type { RunConfig } from "../runConfig/schema.ts";
import { rowsPerStep, toTrainingSettings } from "../runConfig/toTrainingSettings.ts";
import { appendMetrics, metricsLine, rewindMetrics } from "../runFolder/metricsFile.ts";
import { promptSettingsFiles } from "../runFolder/promptSettings.ts";
import { clearFolder, type Entry, pruneCheckpoints, runFiles } from "../runFolder/runFolder.ts";
import { answerPrompts, promptsOfRows, stopTokens, type Answer } from "../samples/answerPrompts.ts";
import { questionOf } from "../samples/questionOf.ts";
import type { Sample } from "../samples/sampleTable.ts";
import { frozenWeightsOf } from "./frozenWeightsOf.ts";
import { loraOf } from "./loraOf.ts";
import type { PreparedRun } from "./prepareRun.ts";
import { lengthMultiple, positionsNeeded } from "./sequenceLengths.ts";

export interface TrainingRun {
  readonly config: RunConfig;
  readonly prepared: PreparedRun;
  readonly entry: Entry;
  readonly backend: Backend;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export interface RunOutcome extends TrainResult {
  /** Held-out answers before and after; empty when none were asked for or the run was stopped. */
  readonly samples: readonly Sample[];
}

/** Loads the model, answers the samples, trains, answers them again; everything that is written goes to the run folder. */
export async function runTraining({ config, prepared, entry, backend: chosenBackend, reporter, signal }: TrainingRun): Promise<RunOutcome> {
  const backend = hearingBackend(chosenBackend);
  const { opened, trainRows, heldOutRows, chosen } = prepared;
  const { tokenizer } = opened;
  const { maxPositions } = opened.config;
  const sampleRows = heldOutRows.slice(0, config.sample_prompts);
  const prompts = promptsOfRows(sampleRows, tokenizer, config.train_on);
  const lengths = [...trainRows, ...heldOutRows].map(({ example }) => example.ids.length);
  const lora = loraOf(config);
  const multipleOf = lengthMultiple(maxPositions);
  const longest = positionsNeeded(
    trainRows.map(({ example }) => example.ids.length),
    maxPositions,
  );
  const packedLength = config.sample_packing ? Math.max(longest, Math.min(config.sequence_len ?? 0, maxPositions)) : undefined;
  const model = await loadModel(opened, backend, {
    positions: positionsNeeded(
      [...lengths, packedLength ?? 0, ...prompts.map((prompt) => prompt.length + config.sample_max_new_tokens)],
      maxPositions,
    ),
    ...(config.load_in_4bit ? { quantise: "nf4" } : {}),
    ...(lora ? { frozenWeights: frozenWeightsOf(config, backend.capabilities), float32Modules: lora.modulesToSave ?? [] } : {}),
  });
  if (lora) await model.attachLora(lora, { seed: config.seed });

  const answer = async (): Promise<Answer[]> =>
    prompts.length === 0
      ? []
      : answerPrompts(model, tokenizer, prompts, {
          maxNewTokens: config.sample_max_new_tokens,
          signal,
          stopTokens: stopTokens(chosen.template, tokenizer, opened.config.eosTokenIds),
        });
  const before = await answer();

  const metrics = join(config.output_dir, runFiles.metrics);
  const result = await train({
    model,
    settings: toTrainingSettings(config, trainRows.length),
    batches: seededBatches(trainRows, {
      rowsPerStep: rowsPerStep(config),
      microBatchSize: config.micro_batch_size,
      multipleOf,
      ...(packedLength === undefined ? {} : { packedLength }),
      seed: config.seed,
    }),
    heldOut: heldOutRows.map(({ example }) => shiftTargets(example)),
    evaluation: { batchSize: config.micro_batch_size, multipleOf },
    outputDir: config.output_dir,
    baseModel: config.base_model,
    files: await filesToSave(prepared, config),
    ...(entry.kind === "resume" ? { resumeFrom: entry.from.path } : {}),
    signal,
    onEvent: async (event) => {
      // A checkpoint that does not fit is refused before this: what the folder holds is then untouched.
      if (event.type === "start") await enterFolder(config, entry, metrics);
      await record(event, metrics, config);
      reporter.event(event);
    },
  });
  const after = result.aborted ? [] : await answer();
  const samples = after.map((answered, index): Sample => ({
    ...questionOf(sampleRows[index]!.conversation),
    before: before[index]!,
    after: answered,
  }));
  if (samples.length > 0) await writeFileAtomic(join(config.output_dir, runFiles.samples), `${JSON.stringify(samples, null, 2)}\n`);
  disposeModel(model, backend);
  return { ...result, samples };
}

/** Makes the run folder ready. */
async function enterFolder(config: RunConfig, entry: Entry, metrics: string): Promise<void> {
  await clearFolder(config.output_dir, entry);
  await makeFolder(config.output_dir);
  await writeFileAtomic(join(config.output_dir, runFiles.config), stringify(config));
  await rewindMetrics(metrics, entry.kind === "resume" ? entry.from.step : -1);
}

async function record(event: TrainingEvent, metrics: string, config: RunConfig): Promise<void> {
  const line = metricsLine(event);
  if (line) await appendMetrics(metrics, line);
  if (event.type === "saved" && config.save_total_limit !== undefined) await pruneCheckpoints(config.output_dir, config.save_total_limit);
}

/** Files saved beside the weights: the template, the mask and the terminators, and with a whole model its tokenizer, too. */
async function filesToSave({ chosen, training, opened }: PreparedRun, config: RunConfig): Promise<Record<string, string | Uint8Array>> {
  const { folder, tokenizer } = opened;
  const files = promptSettingsFiles(chosen, training.policy, stopTokens(chosen.template, tokenizer, opened.config.eosTokenIds));
  if (config.adapter !== "none") return { ...files, ...(await baseRecordFiles(folder)) };
  const generation = generationConfigWith(folder, tokenizer, chosen.template);
  return {
    ...(await companionFiles(config.tokenizer ?? config.base_model, undefined)),
    ...files,
    ...(generation === undefined ? {} : { "generation_config.json": `${JSON.stringify(generation, null, 2)}\n` }),
  };
}

function disposeModel(model: LanguageModel, backend: Backend): void {
  for (const buffer of model.buffers.values()) backend.free(buffer);
  model.buffers.clear();
}
