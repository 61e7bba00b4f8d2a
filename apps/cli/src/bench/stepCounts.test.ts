import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { countSteps, stepCountsFile, type StepCounts } from "./stepCounts.ts";

/** Costs that repeat exactly: a change that makes one grow has to say so. */
test("no step takes more launches, kernels, shader text or memory than agreed", async () => {
  const agreed = JSON.parse(await readFile(stepCountsFile, "utf8")) as Record<string, StepCounts>;
  const counted = await countSteps();
  expect(Object.keys(counted), "rows; `npm run counts` writes them anew").toEqual(Object.keys(agreed));
  const grown = Object.entries(counted).flatMap(([step, counts]) =>
    Object.entries(counts)
      .filter(([figure, value]) => value > agreed[step]![figure as keyof StepCounts])
      .map(([figure, value]) => `${step}: ${figure} ${agreed[step]![figure as keyof StepCounts]} -> ${value}`),
  );
  expect(grown, "these grew; if that is meant, run `npm run counts` and commit apps/cli/src/bench/stepCounts.json with the reason").toEqual(
    [],
  );
}, 60_000);
