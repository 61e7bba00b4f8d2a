import assert from "node:assert/strict";
import { padBatch, shiftTargets } from "@sft/mask";

const row = shiftTargets({ ids: Int32Array.of(5, 6, 7), weights: Float32Array.of(0, 0, 1) });
const batch = padBatch([row], { multipleOf: 4 });
assert.deepEqual([...batch.weights], [0, 1, 0, 0]);
assert.equal(batch.supervisedTokens, 1);
console.log("@sft/mask alone: a row shifted and padded");
