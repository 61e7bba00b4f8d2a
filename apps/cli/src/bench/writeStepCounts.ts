// Counts a step's launches, kernels and memory anew and writes them down: `npm run counts`, after a change that is meant to change them.
import { readFile, writeFile } from "node:fs/promises";
import { countSteps, stepCountsFile, type StepCounts } from "./stepCounts.ts";

const before = JSON.parse(await readFile(stepCountsFile, "utf8").catch(() => "{}")) as Record<string, StepCounts>;
const counts = await countSteps();
await writeFile(stepCountsFile, `${JSON.stringify(counts, null, 2)}\n`);
for (const [step, figures] of Object.entries(counts)) {
  const changes = Object.entries(figures).map(([figure, value]) => {
    const old = before[step]?.[figure as keyof StepCounts];
    return `${figure} ${old === undefined || old === value ? value : `${old} -> ${value}`}`;
  });
  process.stdout.write(`${step}: ${changes.join(", ")}\n`);
}
