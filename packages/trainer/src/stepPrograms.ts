import { adamw, backward, gradNorm, linearCrossEntropy, recomputeBlocks, Tape, zero, type Program, type Value } from "@sft/kernels";
import type { LanguageModel, ParameterSpec, RecordedForward } from "@sft/model";
import { lossInputs, type MicroBatchShape } from "./microBatch.ts";
import type { TrainingSettings } from "./settings.ts";
import { trainableParameters, type TrainableSettings } from "./trainableParameters.ts";

/** Names of the tensors that training keeps for a parameter. */
export const stateNames = {
  gradient: (parameter: string): string => `gradient.${parameter}`,
  firstMoment: (parameter: string): string => `exp_avg.${parameter}`,
  secondMoment: (parameter: string): string => `exp_avg_sq.${parameter}`,
  loss: "step.loss",
  schedule: "step.schedule",
  norm: "step.norm",
} as const;

type LossTerms = Pick<TrainingSettings, "labelSmoothing" | "zLoss">;

/** What a micro batch's program depends on. */
export type StepSettings = TrainableSettings & Pick<TrainingSettings, "gradientCheckpointing"> & Partial<LossTerms>;

/** What evaluation measures: the cross-entropy alone, whatever is added while training. */
const crossEntropyAlone: LossTerms = { labelSmoothing: 0, zLoss: 0 };

/** Records the head and the loss sum of one batch; the logits exist only chunk by chunk inside the op. */
function recordLoss(model: LanguageModel, { tape, graph, hidden }: RecordedForward, supervised: number, terms: LossTerms): Value {
  const head = graph.parameter(model.family.headWeight(model.config));
  const inputs = [
    hidden, head,
    tape.input(lossInputs.rows, [supervised]),
    tape.input(lossInputs.targets, [supervised]),
    tape.input(lossInputs.weights, [supervised], "f32"),
  ];
  return tape.apply(linearCrossEntropy, inputs, { softcap: model.config.logitSoftcap, ...terms })[0]!;
}

/** Forward and backward of one micro batch: adds its loss to the step's loss and its gradients to the step's gradients. */
export function microBatchProgram(model: LanguageModel, settings: StepSettings, shape: MicroBatchShape): Program {
  const { labelSmoothing = 0, zLoss = 0 } = settings;
  const forward = model.recordForward("micro-batch", { shape, method: settings.method, trainable: trainableParameters(model, settings) });
  const loss = recordLoss(model, forward, shape.supervised, { labelSmoothing, zLoss });
  const { tape } = forward;
  const total = tape.external(stateNames.loss, "state", [1]);
  tape.add(total, loss, total);
  backward(tape, loss, (parameter) => tape.external(stateNames.gradient(parameter.name), "gradient", parameter.shape));
  const program = tape.finish();
  return settings.gradientCheckpointing ? recomputeBlocks(program) : program;
}

/** Forward alone: writes the batch's weighted loss sum to the output "loss". */
export function evaluationProgram(model: LanguageModel, shape: MicroBatchShape): Program {
  const forward = model.recordForward("evaluation", { shape });
  const loss = recordLoss(model, forward, shape.supervised, crossEntropyAlone);
  forward.tape.copy(loss, forward.tape.output("loss", [1]));
  return forward.tape.finish();
}

/** Zeroes the step's loss and every gradient. */
export function beginStepProgram(parameters: readonly ParameterSpec[]): Program {
  const tape = new Tape("begin-step");
  const clear = (value: Value): void => void tape.apply(zero, [value], {}, [value]);
  clear(tape.external(stateNames.loss, "state", [1]));
  for (const { name, shape } of parameters) clear(tape.external(stateNames.gradient(name), "gradient", shape));
  return tape.finish();
}

/** Global gradient norm, then AdamW on every parameter, gated on that norm being finite. */
export function updateProgram(parameters: readonly ParameterSpec[], settings: TrainingSettings): Program {
  const tape = new Tape("update");
  const norm = tape.external(stateNames.norm, "state", [2]);
  const schedule = tape.input(stateNames.schedule, [4], "f32");
  const gradients = parameters.map(({ name, shape }) => tape.external(stateNames.gradient(name), "gradient", shape));
  tape.apply(gradNorm, gradients, {}, [norm]);
  parameters.forEach(({ name, shape }, index) => {
    const parameter = tape.parameter(name, shape, false);
    const m = tape.external(stateNames.firstMoment(name), "state", shape);
    const v = tape.external(stateNames.secondMoment(name), "state", shape);
    const attributes = {
      beta1: settings.adamBeta1, beta2: settings.adamBeta2, epsilon: settings.adamEpsilon,
      weightDecay: shape.length >= 2 ? settings.weightDecay : 0, maxGradNorm: settings.maxGradNorm,
    };
    tape.apply(adamw, [parameter, gradients[index]!, m, v, schedule, norm], attributes, [parameter, m, v]);
  });
  return tape.finish();
}
