import { closeNames, type LanguageModel, type ModelConfig, type ParameterSpec } from "@sft/model";
import type { TrainingSettings } from "./settings.ts";
import { TrainingError } from "./trainingError.ts";

/** Settings that decide which parameters move. */
export type TrainableSettings = Pick<TrainingSettings, "method" | "unfrozenParameters" | "frozenParameters" | "trainedLayers">;

/**
 * The parameters that a run trains, in the model's order: the adapter's, or those of the base that are left after freezing.
 * With `unfrozenParameters` only those whose names match one of its patterns, less those that match one of `frozenParameters`; with
 * `trainedLayers` only those of the layers that it counts.
 * A frozen parameter gets no gradient and no optimiser state, and the backward pass ends where nothing below it is trained.
 * @throws TrainingError "bad-settings" for a pattern that is no regular expression or matches nothing, or when nothing is left
 */
export function trainableParameters(
  model: Pick<LanguageModel, "trainableParameters"> & { readonly config: Pick<ModelConfig, "layers"> },
  { method, unfrozenParameters, frozenParameters, trainedLayers }: TrainableSettings,
): readonly ParameterSpec[] {
  const parameters = model.trainableParameters(method);
  const given = Object.entries({ unfrozenParameters, frozenParameters, trainedLayers }).find(([, value]) => value !== undefined);
  if (given === undefined) return parameters;
  if (method !== "full") {
    throw new TrainingError(
      "bad-settings",
      `${given[0]} is for full fine-tuning; with LoRA the base is frozen already`,
      "Choose the adapter's place by target_modules, or train without an adapter.",
    );
  }
  const isUnfrozen = unfrozenParameters === undefined ? () => true : matcher("unfrozenParameters", unfrozenParameters, parameters);
  const isFrozen = frozenParameters === undefined ? () => false : matcher("frozenParameters", frozenParameters, parameters);
  const isTrainedLayer = trainedLayers === undefined ? () => true : layerMatcher(trainedLayers, model.config.layers);
  const trained = parameters.filter(({ name }) => isUnfrozen(name) && !isFrozen(name) && isTrainedLayer(name));
  if (trained.length === 0)
    throw new TrainingError(
      "bad-settings",
      "every parameter is frozen: there is nothing to train",
      "Let unfrozenParameters name something that frozenParameters does not.",
    );
  return trained;
}

/** Whether a parameter belongs to the last `count` layers, or to the first where it is negative. */
function layerMatcher(count: number, layers: number): (name: string) => boolean {
  if (count === 0 || Math.abs(count) > layers)
    throw new TrainingError(
      "bad-settings",
      `trainedLayers is ${count}, and the model has ${layers} layers`,
      `Give 1 to ${layers} for the last ones, or -1 to -${layers} for the first.`,
    );
  const [from, to] = count > 0 ? [layers - count, layers] : [0, -count];
  return (name) => {
    const layer = /\.(?:layers|h)\.(\d+)\./.exec(name)?.[1];
    return layer !== undefined && Number(layer) >= from && Number(layer) < to;
  };
}

/** Whether a name matches one of the patterns, each from the name's first character on, as Python's re.match does. */
function matcher(setting: string, patterns: readonly string[], parameters: readonly ParameterSpec[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => compile(setting, pattern));
  expressions.forEach((expression, index) => {
    if (parameters.some(({ name }) => expression.test(name))) return;
    const names = closeNames(
      patterns[index]!.replaceAll("\\", ""),
      parameters.map(({ name }) => name),
    );
    throw new TrainingError(
      "bad-settings",
      `${setting}: ${JSON.stringify(patterns[index])} matches no parameter from its first character on`,
      `Closest: ${names.join(", ")}.`,
    );
  });
  return (name) => expressions.some((expression) => expression.test(name));
}

function compile(setting: string, pattern: string): RegExp {
  if (/\[\d*:\d*\]$/.test(pattern)) {
    throw new TrainingError(
      "bad-settings",
      `${setting}: ${JSON.stringify(pattern)} names a range of rows, and parameters are frozen whole`,
      "Leave the range out.",
    );
  }
  try {
    return new RegExp(`^(?:${pattern})`);
  } catch (cause) {
    throw new TrainingError(
      "bad-settings",
      `${setting}: ${JSON.stringify(pattern)} is no valid regular expression: ${(cause as Error).message}`,
    );
  }
}
