/** One optimiser step as metrics.jsonl tells it; a number that was not finite is written as null there and is NaN here. */
export interface StepLine {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly tokensPerSecond: number;
  /** Input tokens without padding; NaN in files that were written before tokens were counted there. */
  readonly tokens: number;
  readonly supervisedTokens: number;
}

export interface HeldOutLine {
  readonly step: number;
  readonly loss: number;
  /** Time of the measurement. */
  readonly seconds: number;
}

/** A line that is no measurement, by its number in the file, from 1. */
export interface DamagedLine {
  readonly line: number;
  readonly reason: string;
}

/** What a metrics.jsonl says, read piece by piece as it grows. */
export class MetricsLog {
  readonly steps: StepLine[] = [];
  readonly heldOut: HeldOutLine[] = [];
  readonly damaged: DamagedLine[] = [];
  /** How often measurements were taken back, since steps were taken again. */
  rewinds = 0;
  private pending = "";
  private lines = 0;

  /** Takes the file's next characters. A last line without its end waits for the rest: a run may be writing it. */
  append(text: string): void {
    const lines = (this.pending + text).split("\n");
    this.pending = lines.pop()!;
    for (const line of lines) {
      this.lines++;
      if (line.trim() !== "") this.read(line);
    }
  }

  /** Takes a last line that lacks only its end, as an editor may leave it; one that is cut short is left out. */
  end(): void {
    if (parse(this.pending) !== undefined) this.append("\n");
  }

  private read(line: string): void {
    const value = parse(line);
    if (value === undefined) return void this.damage(`no JSON object: ${line.slice(0, 60)}`);
    const { step } = value;
    if (typeof step !== "number" || !Number.isSafeInteger(step) || step < 0)
      return void this.damage(`no whole number as "step": ${line.slice(0, 60)}`);
    if ("eval_loss" in value) {
      this.takeBack(step + 1, step);
      this.heldOut.push({ step, loss: numberIn(value.eval_loss), seconds: numberIn(value.eval_runtime) });
    } else if ("loss" in value) {
      this.takeBack(step, step);
      this.steps.push({
        step,
        epoch: numberIn(value.epoch),
        loss: numberIn(value.loss),
        gradNorm: numberIn(value.grad_norm),
        learningRate: numberIn(value.learning_rate),
        tokensPerSecond: numberIn(value.tokens_per_second),
        tokens: numberIn(value.tokens),
        supervisedTokens: numberIn(value.supervised_tokens),
      });
    } else this.damage(`neither "loss" nor "eval_loss": ${line.slice(0, 60)}`);
  }

  /** Where a resumed run goes back, what was measured at these steps and after them no longer counts. */
  private takeBack(fromStep: number, fromHeldOut: number): void {
    const before = this.steps.length + this.heldOut.length;
    while ((this.steps.at(-1)?.step ?? -1) >= fromStep) this.steps.pop();
    while ((this.heldOut.at(-1)?.step ?? -1) >= fromHeldOut) this.heldOut.pop();
    if (this.steps.length + this.heldOut.length < before) this.rewinds++;
  }

  private damage(reason: string): void {
    this.damaged.push({ line: this.lines, reason });
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const numberIn = (value: unknown): number => (typeof value === "number" ? value : NaN);
