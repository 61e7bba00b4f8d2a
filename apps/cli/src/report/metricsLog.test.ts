import { describe, expect, test } from "vitest";
import { heldOutLine, stepLine } from "../testing/writtenRun.ts";
import { MetricsLog } from "./metricsLog.ts";

function read(...texts: readonly string[]): { steps: unknown; heldOut: unknown; rewinds: number } {
  const log = new MetricsLog();
  for (const text of texts) log.append(text);
  const pairs = (lines: MetricsLog["steps"] | MetricsLog["heldOut"]): unknown => lines.map(({ step, loss }) => [step, loss]);
  return { steps: pairs(log.steps), heldOut: pairs(log.heldOut), rewinds: log.rewinds };
}

describe("MetricsLog", () => {
  test("lines that come in pieces are the lines", () => {
    const text = heldOutLine(0, 5) + stepLine(1, 4) + stepLine(2, 3) + heldOutLine(2, 3.5);
    const whole = read(text);
    expect(whole).toEqual({
      steps: [
        [1, 4],
        [2, 3],
      ],
      heldOut: [
        [0, 5],
        [2, 3.5],
      ],
      rewinds: 0,
    });
    expect(read(...text)).toEqual(whole);
  });

  test("a run that was resumed takes back the steps that it takes again, and what was measured after them", () => {
    const ordered = [
      heldOutLine(0, 5),
      stepLine(1, 9),
      stepLine(2, 8),
      heldOutLine(2, 8),
      stepLine(3, 7),
      stepLine(4, 6),
      heldOutLine(4, 6),
    ];
    expect(read(...ordered, stepLine(3, 1))).toEqual({
      steps: [
        [1, 9],
        [2, 8],
        [3, 1],
      ],
      heldOut: [
        [0, 5],
        [2, 8],
      ],
      rewinds: 1,
    });
    // Measured again before its first step, at the step that it goes on from.
    expect(read(...ordered, heldOutLine(2, 7.5), stepLine(3, 1))).toMatchObject({
      steps: [
        [1, 9],
        [2, 8],
        [3, 1],
      ],
      heldOut: [
        [0, 5],
        [2, 7.5],
      ],
    });
    expect(read(...ordered, stepLine(1, 1))).toMatchObject({ steps: [[1, 1]], heldOut: [[0, 5]] });
  });
});
