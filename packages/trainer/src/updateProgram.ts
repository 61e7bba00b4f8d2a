import { gradNorm, Tape, type Program } from "@sft/kernels";
import type { ParameterSpec } from "@sft/model";
import { optimisers } from "./optimisers/index.ts";
import type { StateTensor } from "./optimisers/optimiser.ts";
import type { TrainingSettings } from "./settings.ts";
import { stateNames } from "./stepPrograms.ts";

/** A parameter's learning rate as a share of the run's: LoRA+ (Hayou et al. 2024) moves B, and with it DoRA's magnitudes, faster than A. */
export function learningRateRatio({ name }: ParameterSpec, { loraPlusRatio }: TrainingSettings): number {
  return /\.lora_(B\.weight|magnitude_vector)$/.test(name) ? loraPlusRatio : 1;
}

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
  const ratios = new Set(parameters.map((parameter) => learningRateRatio(parameter, settings)));
  return new Map([...ratios].map((ratio) => [stateNames.schedule(ratio), Float32Array.of(learningRate * ratio, ...rest)]));
}

/** Global gradient norm, then the optimiser's rule on every parameter, gated on that norm being finite. */
export function updateProgram(parameters: readonly ParameterSpec[], settings: TrainingSettings): Program {
  const tape = new Tape("update");
  const norm = tape.external(stateNames.norm, "state", [2]);
  const gradients = parameters.map(({ name, shape }) => tape.external(stateNames.gradient(name), "gradient", shape));
  tape.apply(gradNorm, gradients, {}, [norm]);
  parameters.forEach((spec, index) => {
    const rule = optimisers[settings.optimiser].ruleFor(spec);
    rule.record({
      tape,
      norm,
      settings,
      parameter: tape.parameter(spec.name, spec.shape, false),
      gradient: gradients[index]!,
      state: rule.state(spec).map(({ key, shape, dtype }) => tape.external(stateNames.state(key, spec.name), "state", shape, dtype)),
      schedule: tape.input(stateNames.schedule(learningRateRatio(spec, settings)), [4], "f32"),
      weightDecay: spec.shape.length >= 2 ? settings.weightDecay : 0,
    });
  });
  return tape.finish();
}
