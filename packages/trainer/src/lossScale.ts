import type { Capabilities } from "@sft/kernels";

/**
 * What the loss is multiplied with so that its gradients stay in the range of the type that matrix products round them to; they
 * are divided by it before anything reads them. Always a power of two, so that float32 loses nothing by it.
 */
export interface LossScale {
  readonly value: number;
  /** Steps with finite gradients since the scale last changed. */
  readonly finiteSteps: number;
}

const LARGEST = 2 ** 24;
/** Steps after which a larger scale is tried. PyTorch's GradScaler has the same start and interval. */
const GROWTH_INTERVAL = 2000;

/** Scale of a run's first step: 1 where products keep float32's range, 2^16 where they round to float16. */
export function initialLossScale({ productRoundoff = 2 ** -24 }: Pick<Capabilities, "productRoundoff">): LossScale {
  return { value: productRoundoff > 2 ** -24 ? 2 ** 16 : 1, finiteSteps: 0 };
}

/** A step's scale times the weight of one target: the largest gradient of a logit. Leaves a factor of 1000 below float16's end. */
const LARGEST_LOGIT_GRADIENT = 64;

/**
 * The scale that a step runs with: the current one, or less where few targets share the loss. A target of weight 1 has a share of
 * 1 / weightSum, so that a scale for a thousand targets would be too large for ten.
 */
export function scaleOfStep({ value }: LossScale, weightSum: number): number {
  return value === 1 ? 1 : Math.min(value, 2 ** Math.floor(Math.log2(LARGEST_LOGIT_GRADIENT * Math.max(1, weightSum))));
}

/**
 * The scale after a step that ran with `used`: half of that when its gradients were not finite, twice the scale after 2000 finite
 * steps with it. Reports of steps that were queued before the scale was lowered change nothing; a scale of 1 stays.
 */
export function nextLossScale(scale: LossScale, used: number, finite: boolean): LossScale {
  if (used > scale.value || scale.value === 1) return scale;
  if (!finite) return { value: Math.max(2, used / 2), finiteSteps: 0 };
  if (used < scale.value) return scale;
  if (scale.finiteSteps + 1 < GROWTH_INTERVAL) return { ...scale, finiteSteps: scale.finiteSteps + 1 };
  return { value: Math.min(LARGEST, scale.value * 2), finiteSteps: 0 };
}
