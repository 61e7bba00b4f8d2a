import { nextLossScale, scaleOfStep, type LossScale } from "./lossScale.ts";

/** What a step says about the scale it ran with. */
interface ScaleReport {
  readonly scale: number;
  readonly finite: boolean;
}

/** A loss scaler as a checkpoint keeps it; `reports` are those of steps that it has not heeded yet. */
export interface LossScalerState extends LossScale {
  readonly reports: readonly ScaleReport[];
}

/** Steps whose reports the next step does not wait for: the device computes one while the host prepares the next. */
const unheeded = 1;

/**
 * Follows the reports of a run's steps. A step's scale hangs on the reports of all steps but the last before it, never on which of
 * them happen to have come, so that a run repeats bit for bit, resumed or not.
 */
export class LossScaler {
  private scale: LossScale;
  private reports: Promise<ScaleReport>[] = [];

  constructor(start: LossScale) {
    this.scale = start;
  }

  /** The scale of the next step, whose targets' weights have this sum. Rejects when a step before it failed. */
  async next(weightSum: number): Promise<number> {
    while (this.reports.length > unheeded) {
      const { scale, finite } = await this.reports.shift()!;
      this.scale = nextLossScale(this.scale, scale, finite);
    }
    return scaleOfStep(this.scale, weightSum);
  }

  /** Tells of a step that ran with `scale`; `finite` settles when its gradients are known to be so or not. */
  note(scale: number, finite: Promise<boolean>): void {
    if (this.scale.value === 1) return;
    const report = finite.then((value) => ({ scale, finite: value }));
    report.catch(() => undefined);
    this.reports.push(report);
  }

  async state(): Promise<LossScalerState> {
    return { ...this.scale, reports: await Promise.all(this.reports) };
  }

  restore({ value, finiteSteps, reports }: LossScalerState): void {
    this.scale = { value, finiteSteps };
    this.reports = reports.map((report) => Promise.resolve(report));
  }
}
