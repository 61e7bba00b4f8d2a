// Reads what `npm start` left in runs/dictionary and holds it to the main job's promise. Exits 1 with what was missed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const run = join(dirname(fileURLToPath(import.meta.url)), "../../runs/dictionary");
const lines = readFileSync(join(run, "metrics.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));
const steps = lines.filter((line) => line.loss !== undefined);
const evaluations = lines.filter((line) => line.eval_loss !== undefined).map((line) => line.eval_loss);

steps.forEach(({ step }, index) => assert.equal(step, index + 1, "metrics.jsonl holds every step once, in order"));
assert.ok(steps.length >= 50, `metrics.jsonl holds ${steps.length} steps`);
// PyTorch's reference starts at 5.4292 and reaches 3.2 after 50 steps of 16 rows.
assert.ok(Math.abs(evaluations[0] - 5.43) <= 0.02, `the held-out loss starts at ${evaluations[0]}, expected 5.43 +- 0.02`);
assert.ok(evaluations.at(-1) <= 3.2, `the held-out loss ends at ${evaluations.at(-1)}, expected 3.2 or lower`);
console.log(`main job: ${steps.length} steps, held-out loss ${evaluations[0].toFixed(4)} -> ${evaluations.at(-1).toFixed(4)}`);
