import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { describe, expect, test } from "vitest";
import { openSafetensors } from "./openSafetensors.ts";
import { testFolder } from "../testdata/testFolder.ts";
import { tensorsOf } from "./tensorSource.ts";
import { writeSafetensors } from "./writeSafetensors.ts";

interface Figures {
  file: string;
  metadata: Record<string, string>;
  tensors: Record<string, { dtype: string; shape: number[]; sha256: string; first: number; last: number; sum: number }>;
}

// Made by testdata/figures.py, which reads the same files with Python's struct alone.
const lines = readFileSync(new URL("../testdata/figures.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n");
const figures = lines.map((line) => JSON.parse(line) as Figures);
const models = join(goldenModelPath("llama"), "..");

describe.each(figures)("$file", ({ file: path, ...expected }) => {
  test("names, types, shapes, bytes and values are those that Python reads", async () => {
    await using file = await openSafetensors(join(models, path));
    expect(file.metadata).toEqual(expected.metadata);
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(expected.tensors).sort());
    for (const [name, { dtype, shape, sha256, first, last, sum }] of Object.entries(expected.tensors)) {
      expect(file.tensors.get(name)).toMatchObject({ name, dtype, shape });
      const digest = createHash("sha256")
        .update(await file.read(name))
        .digest("hex");
      expect(digest.slice(0, 16), name).toBe(sha256);
      const values = [...(dtype.startsWith("F") ? await file.readFloat32(name) : await file.readInt32(name))];
      expect([values[0], values.at(-1), values.reduce((total, value) => total + value, 0)], name).toEqual([first, last, sum]);
    }
  });

  test("written again, it is the same file byte for byte", async () => {
    await using file = await openSafetensors(join(models, path));
    const copy = join(testFolder(), "copy.safetensors");
    await writeSafetensors(copy, [...tensorsOf(file)].reverse(), { metadata: file.metadata });
    expect(readFileSync(copy).equals(readFileSync(join(models, path)))).toBe(true);
  });
});
