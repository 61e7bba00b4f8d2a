import { gradNorm, Tape, unscaleNorm, type Program } from "@sft/kernels";
import type { ParameterSpec } from "@sft/model";
import { halfCopyName, isCopied } from "./halfCopies.ts";
import { optimisers } from "./optimisers/index.ts";
import type { StateTensor } from "./optimisers/optimiser.ts";
import type { TrainingSettings } from "./settings.ts";
import { groupParameters, rateRatioOf } from "./parameterGroups.ts";
import { stateNames } from "./stepPrograms.ts";

/** The state tensors of all parameters by the names under which they are bound and saved. */
export function optimiserState(parameters: readonly ParameterSpec[], settings: TrainingSettings): ReadonlyMap<string, StateTensor> {
  const tensors = parameters.flatMap((parameter) =>
    optimisers[settings.optimiser]
      .ruleFor(parameter)
      .state(parameter)
      .map((tensor) => [stateNames.state(tensor.key, parameter.name), tensor] as const),
  );
  return new Map(tensors);
}

/** What the host uploads for a step: each schedule tensor's name and its four numbers. */
export function schedulesOfStep(
  parameters: readonly ParameterSpec[],
  settings: TrainingSettings,
  step: number,
  learningRate: number,
): ReadonlyMap<string, Float32Array> {
  const rest = optimisers[settings.optimiser].schedule(step, settings);
  const ratios = new Set(parameters.map((parameter) => rateRatioOf(parameter, settings)));
  return new Map([...ratios].map((ratio) => [stateNames.schedule(ratio), Float32Array.of(learningRate * ratio, ...rest)]));
}

/**
 * Global gradient norm, then the optimiser's rule on every group of parameters (see `groupParameters`), gated on that norm being finite.
 * Without `partAlignment` every parameter is a group; groups of parameters in `copies` have a float16 copy (see `halfCopies`). With `offloadOptimiser` the norm and the gate alone: the rules follow bucket by bucket.
 */
export function updateProgram(
  parameters: readonly ParameterSpec[],
  settings: TrainingSettings,
  partAlignment?: number,
  copies: ReadonlyMap<string, string> = new Map(),
): Program {
  const groups = groupParameters(parameters, settings, partAlignment);
  const tape = new Tape("update");
  const gate = tape.external(stateNames.gate, "state", [3]);
  const gradients = groups.map(({ name, shape }) => tape.external(stateNames.gradient(name), "gradient", shape));
  const [norm] = tape.apply(gradNorm, gradients, {});
  tape.apply(unscaleNorm, [norm!, tape.input(stateNames.lossScale, [1], "f32")], {}, [gate]);
  if (settings.offloadOptimiser) return tape.finish();
  groups.forEach((group, index) => {
    const { name, shape, rule, rateRatio, weightDecay } = group;
    rule.record({
      tape,
      gate,
      settings,
      parameter: tape.parameter(name, shape, false),
      gradient: gradients[index]!,
      state: rule.state({ shape }).map((tensor) => tape.external(stateNames.state(tensor.key, name), "state", tensor.shape, tensor.dtype)),
      schedule: tape.input(stateNames.schedule(rateRatio), [4], "f32"),
      weightDecay,
      ...(isCopied(group, copies) ? { halfCopy: tape.external(halfCopyName(name), "state", shape, "f16") } : {}),
    });
  });
  return tape.finish();
}
