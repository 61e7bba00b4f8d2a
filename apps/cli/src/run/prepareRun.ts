import { splitRows } from "@sft/data";
import { findFamily, layoutLora, patternValue } from "@sft/model";
import { TrainingError, trainableParameters } from "@sft/trainer";
import { usageError } from "../failure/cliError.ts";
import { didYouMean } from "../failure/closeNames.ts";
import { openModel, type OpenedModel } from "../model/openModel.ts";
import { chooseTemplate, type ChosenTemplate } from "../rows/chooseTemplate.ts";
import type { TrainingRow } from "../rows/encodeRows.ts";
import { readTrainingRows, type TrainingRows } from "../rows/trainingRows.ts";
import type { RunConfig } from "../runConfig/schema.ts";
import { recipeKeyOf, toTrainingSettings } from "../runConfig/toTrainingSettings.ts";
import { loraOf } from "./loraOf.ts";

/** A run with everything checked that can be checked before weights are read and files are written. */
export interface PreparedRun {
  readonly opened: OpenedModel;
  readonly training: TrainingRows;
  readonly trainRows: readonly TrainingRow[];
  readonly heldOutRows: readonly TrainingRow[];
  /** What became of held-out rows that are not used, and what the others teach although they do not say so. */
  readonly heldOutLosses: readonly string[];
  readonly chosen: ChosenTemplate;
}

/** Opens model and tokenizer, encodes all rows, and refuses what cannot run. The caller disposes `opened`. */
export async function prepareRun(config: RunConfig): Promise<PreparedRun> {
  const opened = await openModel(config.base_model, config.tokenizer);
  try {
    checkAgainstModel(config, opened);
    const templateFor = await chooseTemplate(config.chat_template, opened.tokenizer);
    const options = {
      tokenizer: opened.tokenizer,
      templateFor,
      mask: config.train_on,
      truncation: config.truncation,
      maxLength: config.sequence_len ?? opened.config.maxPositions,
      lengthIsChosen: config.sequence_len !== undefined || config.truncation !== undefined,
    };
    const training = await readTrainingRows(config.datasets, options);
    const heldOut = config.test_datasets ? await readTrainingRows(config.test_datasets, options) : undefined;
    const split = config.val_set_size > 0 ? splitRows(training.rows, { testSize: config.val_set_size, seed: config.seed }) : undefined;
    return {
      opened,
      training,
      trainRows: split?.train ?? training.rows,
      heldOutRows: heldOut?.rows ?? split?.test ?? [],
      heldOutLosses: heldOut ? [...heldOut.losses, ...heldOut.cautions] : [],
      chosen: training.chosen,
    };
  } catch (error) {
    await opened.folder.close();
    throw error;
  }
}

/** Refuses a sequence length, LoRA targets or frozen parameters that the model does not have, before any row is read. */
function checkAgainstModel(config: RunConfig, { config: model, folder }: OpenedModel): void {
  if (config.sequence_len !== undefined && config.sequence_len > model.maxPositions) {
    throw usageError(
      "bad-config",
      `sequence_len ${config.sequence_len} is longer than the model's ${model.maxPositions} positions (max_position_embeddings of ${config.base_model}).`,
      `Set sequence_len to ${model.maxPositions} or less.`,
    );
  }
  const parameters = findFamily(folder.config).parameters(model);
  const lora = loraOf(config);
  if (lora) checkPatterns(config, [...layoutLora(parameters, lora).modules.keys()]);
  try {
    trainableParameters({ config: model, trainableParameters: () => parameters }, toTrainingSettings(config, 1));
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
    const [message, hint = ""] = error.message.replaceAll(/\b[a-z]+[A-Z]\w*\b/g, recipeKeyOf).split("\n");
    throw usageError("bad-config", message!, hint);
  }
}

/** Refuses a rank or an alpha of its own for modules that the adapter does not have: it would change nothing. */
function checkPatterns(config: RunConfig, modules: readonly string[]): void {
  for (const name of ["lora_rank_pattern", "lora_alpha_pattern"] as const) {
    const unused = Object.keys(config[name] ?? {}).find((key) => !modules.some((module) => patternValue({ [key]: 1 }, module) === 1));
    if (unused === undefined) continue;
    const kinds = [...new Set(modules.map((module) => module.split(".").at(-1)!))];
    throw usageError(
      "bad-config",
      `${name}: "${unused}" matches no module that the adapter trains.`,
      didYouMean(unused, kinds, `It trains ${kinds.join(", ")}.`),
    );
  }
}
