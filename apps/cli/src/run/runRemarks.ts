import type { TrainingSettings } from "@sft/trainer";
import type { RunConfig } from "../runConfig/schema.ts";

/** One sentence for each setting that has no effect in this run, or not the one that its name promises. */
export function runRemarks(config: RunConfig, settings: TrainingSettings, heldOutRows: number): string[] {
  const remarks: string[] = [];
  if (settings.warmupSteps >= settings.maxSteps)
    remarks.push(
      `warmup_steps ${settings.warmupSteps} last as long as the run's ${settings.maxSteps} steps: the learning rate does not reach ${config.learning_rate}`,
    );
  const needing = (["eval_steps", "sample_prompts"] as const).filter((key) => config[key] > 0);
  if (heldOutRows === 0 && needing.length > 0)
    remarks.push(
      `no rows are held out, so ${needing.join(" and ")} ${needing.length > 1 ? "do" : "does"} nothing: give test_datasets or val_set_size`,
    );
  return remarks;
}
