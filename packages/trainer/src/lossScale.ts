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

/**
 * The scale after a step that ran with `used`: half of it when its gradients were not finite, twice after 2000 finite steps. Reports
 * of steps that were queued before the scale changed change nothing; a scale of 1 stays.
 */
export function nextLossScale(scale: LossScale, used: number, finite: boolean): LossScale {
  if (used !== scale.value || scale.value === 1) return scale;
  if (!finite) return { value: scale.value / 2, finiteSteps: 0 };
  if (scale.finiteSteps + 1 < GROWTH_INTERVAL) return { ...scale, finiteSteps: scale.finiteSteps + 1 };
  return { value: Math.min(LARGEST, scale.value * 2), finiteSteps: 0 };
}
