import { formatDuration } from "./duration.ts";
import type { RunProgress } from "./runProgress.ts";
import { paint } from "../terminal/paint.ts";
import { sparkline } from "./sparkline.ts";

/** The live lines of a run for a terminal of `width` columns. */
export function statusBlock({ step, maxSteps, losses, last, heldOut, timeLeft, tokensPerSecond }: RunProgress, width: number): string[] {
  const dim = (text: string): string => paint("dim", text);
  const barWidth = Math.max(10, Math.min(40, width - 40));
  const filled = maxSteps === 0 ? 0 : Math.round((step / maxSteps) * barWidth);
  const bar = `${"━".repeat(filled)}${dim("━".repeat(barWidth - filled))}`;
  const left = timeLeft === undefined ? "" : `  ${formatDuration(timeLeft)} left`;
  const lines = [`${bar}  ${step}/${maxSteps}${left}`];
  if (last) {
    lines.push(`loss ${last.loss.toFixed(4)} ${paint("cyan", sparkline(losses, Math.max(8, Math.min(60, width - 20))))}`);
    const figures = [
      `${Math.round(tokensPerSecond ?? 0)} tokens/s`,
      `lr ${last.learningRate.toExponential(2)}`,
      `grad norm ${last.gradNorm.toFixed(3)}`,
    ];
    lines.push(dim([...figures, ...(heldOut === undefined ? [] : [`held-out loss ${heldOut.toFixed(4)}`])].join("  ")));
  }
  return lines;
}
