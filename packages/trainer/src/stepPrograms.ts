import { backward, linearCrossEntropy, recomputeBlocks, rematerialise, zero, type Program, type Value } from "@sft/kernels";
import type { LanguageModel, ParameterSpec, RecordedForward } from "@sft/model";
import { halfCopies, type HalfCopySettings } from "./halfCopies.ts";
import { leavesUnsupervised, lossInputs, type MicroBatchShape } from "./microBatch.ts";
import type { TrainingSettings } from "./settings.ts";
import { trainableParameters, type TrainableSettings } from "./trainableParameters.ts";

/** Names of the tensors that training keeps for a parameter. */
export const stateNames = {
  gradient: (parameter: string): string => `gradient.${parameter}`,
  /** What the optimiser keeps; `key` is its name for it. */
  state: (key: string, parameter: string): string => `${key}.${parameter}`,
  loss: "step.loss",
  /** Learning rate and more of the parameters whose rate is `ratio` times the run's. */
  schedule: (ratio: number): string => (ratio === 1 ? "step.schedule" : `step.schedule.x${ratio}`),
  /** [length of the gradient, whether it is finite, what takes the loss scale out of gradients] */
  gate: "step.gate",
  lossScale: "step.loss-scale",
} as const;

type LossTerms = Pick<TrainingSettings, "labelSmoothing" | "zLoss">;

/** What a micro batch's program depends on. */
export type StepSettings = TrainableSettings &
  Pick<TrainingSettings, "gradientCheckpointing"> &
  HalfCopySettings &
  Partial<LossTerms & Pick<TrainingSettings, "neftuneAlpha">>;

/** What evaluation measures: the cross-entropy alone, whatever is added while training. */
const crossEntropyAlone: LossTerms = { labelSmoothing: 0, zLoss: 0 };

/** Rows that the last layer goes on with, where not all. */
const chosenRowsOf = (shape: MicroBatchShape): number | undefined => (leavesUnsupervised(shape) ? shape.supervised : undefined);

/** Records the head and the loss sum of one batch; the logits exist only chunk by chunk inside the op. */
function recordLoss(model: LanguageModel, { tape, graph, hidden }: RecordedForward, supervised: number, terms: LossTerms): Value {
  const { weight, alpha } = graph.head(model.family.headWeight(model.config));
  const inputs = [
    hidden,
    weight,
    tape.input(lossInputs.rows, [supervised]),
    tape.input(lossInputs.targets, [supervised]),
    tape.input(lossInputs.weights, [supervised], "f32"),
  ];
  return tape.apply(linearCrossEntropy, inputs, { alpha, softcap: model.config.logitSoftcap, ...terms })[0]!;
}

/** Computed again where the backward pass reads them, instead of being kept. */
const cheapOps: ReadonlySet<string> = new Set(["dequantizeNf4"]);

/**
 * Forward and backward of one micro batch. A step's first one writes the step's loss and gradients, whatever was there; a later one adds
 * its own to them.
 */
export function microBatchProgram(
  model: LanguageModel,
  settings: StepSettings,
  shape: MicroBatchShape,
  place: "first" | "later" = "first",
): Program {
  const { labelSmoothing = 0, zLoss = 0, neftuneAlpha = 0 } = settings;
  const trainable = trainableParameters(model, settings);
  const copies = halfCopies(trainable, model.family.headWeight(model.config), settings, model.backend.capabilities);
  const copied = new Map([...copies].map(([parameter, copy]) => [copy, parameter]));
  const forward = model.recordForward("micro-batch", {
    shape,
    method: settings.method,
    trainable,
    halfCopies: copies,
    embeddingNoise: neftuneAlpha,
    chosenRows: chosenRowsOf(shape),
  });
  const loss = recordLoss(model, forward, shape.supervised, { labelSmoothing, zLoss });
  const { tape } = forward;
  const total = tape.external(stateNames.loss, "state", [1]);
  const gradientOf = ({ name, shape }: Pick<ParameterSpec, "name" | "shape">): Value =>
    tape.external(stateNames.gradient(name), "gradient", shape);
  const first = place === "first";
  if (first) tape.copy(loss, total);
  else tape.add(total, loss, total);
  const reached = new Set<string>();
  const reach = ({ name, shape: ofParameter }: Value): Value => {
    const parameter = { name: copied.get(name) ?? name, shape: ofParameter };
    reached.add(parameter.name);
    return gradientOf(parameter);
  };
  backward(tape, loss, reach, { overwrite: first });
  const unreached = first ? trainable.filter(({ name }) => !reached.has(name)).map(gradientOf) : [];
  for (const gradient of unreached) tape.apply(zero, [gradient], {}, [gradient]);
  const program = tape.finish();
  return rematerialise(settings.gradientCheckpointing ? recomputeBlocks(program) : program, cheapOps);
}

/** Forward alone: writes the batch's weighted loss sum to the output "loss". */
export function evaluationProgram(model: LanguageModel, shape: MicroBatchShape): Program {
  const forward = model.recordForward("evaluation", { shape, chosenRows: chosenRowsOf(shape) });
  const loss = recordLoss(model, forward, shape.supervised, crossEntropyAlone);
  forward.tape.copy(loss, forward.tape.output("loss", [1]));
  return forward.tape.finish();
}
