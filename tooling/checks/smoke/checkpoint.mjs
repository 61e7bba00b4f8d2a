import assert from "node:assert/strict";
import { openSafetensors, writeSafetensors } from "@sft/checkpoint";

await writeSafetensors("x.safetensors", [{ name: "x", dtype: "F32", shape: [2], data: Float32Array.of(1, 2) }]);
const file = await openSafetensors("x.safetensors");
assert.deepEqual([...(await file.readFloat32("x"))], [1, 2]);
await file.close();
console.log("@sft/checkpoint alone: a safetensors file written and read");
