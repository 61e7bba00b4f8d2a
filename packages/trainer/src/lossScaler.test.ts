import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { initialLossScale } from "./lossScale.ts";
import { LossScaler } from "./lossScaler.ts";

const start = initialLossScale({ productRoundoff: 2 ** -11 });
const outcomes = [true, false, true, false, false, true, true, false, true, true];

/** Scales of a run's steps whose reports take `delay(step)` milliseconds, saved and restored before `resumeAt`. */
async function scalesOf(delay: (step: number) => number, resumeAt?: number): Promise<number[]> {
  let scaler = new LossScaler(start);
  const scales: number[] = [];
  for (const [step, finite] of outcomes.entries()) {
    if (step === resumeAt) {
      const saved: unknown = JSON.parse(JSON.stringify(await scaler.state()));
      scaler = new LossScaler(start);
      scaler.restore(saved as Awaited<ReturnType<LossScaler["state"]>>);
    }
    scales.push(await scaler.next(1e6));
    scaler.note(
      scales.at(-1)!,
      setTimeout(delay(step)).then(() => finite),
    );
    await setTimeout(1);
  }
  return scales;
}

it("heeds a report at the step after the next, however quickly it comes", async () => {
  const [first, second] = [2 ** 16, 2 ** 15];
  // Steps 1 and 3 overflow; so do 4 and 7, each of them with the scale that was then in use.
  expect(await scalesOf(() => 0)).toEqual([first, first, first, second, second, 2 ** 14, 2 ** 14, 2 ** 14, 2 ** 14, 2 ** 13]);
  expect(await scalesOf((step) => (step % 3) * 4)).toEqual(await scalesOf(() => 0));
});

it("goes on from a saved state as if it had never stopped, wherever that was", async () => {
  const whole = await scalesOf(() => 0);
  for (let step = 0; step < outcomes.length; step++) expect(await scalesOf(() => 3, step), `resumed at ${step}`).toEqual(whole);
});

it("fails with the step that failed, and keeps nothing of a scale of 1", async () => {
  const scaler = new LossScaler(start);
  scaler.note(2 ** 16, Promise.reject(new Error("device lost")));
  scaler.note(2 ** 16, Promise.resolve(true));
  await expect(scaler.next(10)).rejects.toThrow("device lost");
  const plain = new LossScaler(initialLossScale({}));
  plain.note(1, Promise.resolve(false));
  expect(await plain.state()).toEqual({ value: 1, finiteSteps: 0, reports: [] });
});
