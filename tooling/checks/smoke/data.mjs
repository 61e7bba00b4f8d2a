import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { readAllRows } from "@sft/data";

writeFileSync("rows.jsonl", '{"a":1}\n{"a":2}\n');
const rows = await readAllRows("rows.jsonl");
assert.deepEqual(
  rows.map(({ row, value }) => [row, value.a]),
  [
    [1, 1],
    [2, 2],
  ],
);
console.log("@sft/data alone: two rows read");
