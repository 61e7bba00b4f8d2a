import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { expect, test } from "vitest";
import { openModelFolder } from "./modelFolder.ts";
import { openSafetensors } from "./openSafetensors.ts";
import { tensorsOf } from "./tensorSource.ts";
import { testFolder } from "../testdata/testFolder.ts";
import { weightsFingerprint } from "./weightsFingerprint.ts";
import { writeModelFolder } from "./writeModelFolder.ts";
import { writeSafetensors } from "./writeSafetensors.ts";

async function fingerprintOf(value: Float32Array, name = "w", shape: number[] = [value.length]): Promise<string> {
  const path = join(testFolder(), "one.safetensors");
  await writeSafetensors(path, [{ name, dtype: "F32", shape, data: value }]);
  await using file = await openSafetensors(path);
  return await weightsFingerprint(file);
}

test("is the same for the same weights in shards, and another for another model", async () => {
  await using llama = await openModelFolder(goldenModelPath("llama"));
  const folder = join(testFolder(), "sharded");
  await writeModelFolder(folder, { config: llama.config, tensors: tensorsOf(llama.tensors), maxShardBytes: 100_000 });
  await using sharded = await openModelFolder(folder);
  const hash = await weightsFingerprint(llama.tensors);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(await weightsFingerprint(sharded.tensors)).toBe(hash);
  await using other = await openModelFolder(goldenModelPath("llama3-rope-tied"));
  expect(await weightsFingerprint(other.tensors)).not.toBe(hash);
});

test("sees one changed value in a small tensor, another name, another shape, and the ends of a large tensor", async () => {
  const small = Float32Array.from({ length: 300 }, (_, index) => index);
  const changed = small.slice();
  changed[150] = 0.5;
  const hash = await fingerprintOf(small);
  expect(await fingerprintOf(changed)).not.toBe(hash);
  expect(await fingerprintOf(small, "v")).not.toBe(hash);
  expect(await fingerprintOf(small, "w", [30, 10])).not.toBe(hash);

  const large = new Float32Array(1 << 18);
  const longHash = await fingerprintOf(large);
  for (const index of [0, large.length - 1]) {
    const edited = large.slice();
    edited[index] = 1;
    expect(await fingerprintOf(edited)).not.toBe(longHash);
  }
});
