import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { expect, test } from "vitest";
import { CheckpointError } from "./checkpointError.ts";
import { openModelFolder } from "./modelFolder.ts";
import { openSafetensors } from "./openSafetensors.ts";
import { tensorsOf } from "./tensorSource.ts";
import type { TensorSource } from "./tensorSource.ts";
import { testFolder } from "../testdata/testFolder.ts";
import { writeModelFolder } from "./writeModelFolder.ts";
import { writeSafetensors } from "./writeSafetensors.ts";

const llama = goldenModelPath("llama");

async function bytesByName(source: TensorSource): Promise<Map<string, Uint8Array>> {
  const bytes = new Map<string, Uint8Array>();
  for (const name of [...source.tensors.keys()].sort()) bytes.set(name, await source.read(name));
  return bytes;
}

/** A copy of the golden llama in three shards or more, with an index. */
async function shardedLlama(): Promise<string> {
  const folder = join(testFolder(), "sharded");
  await using model = await openModelFolder(llama);
  await writeModelFolder(folder, { config: model.config, tensors: tensorsOf(model.tensors), maxShardBytes: 150_000 });
  return folder;
}

test("a folder written in shards reads the same, and its index says what is where", async () => {
  const folder = await shardedLlama();
  const names = readdirSync(folder).sort();
  const shards = names.filter((name) => name.endsWith(".safetensors"));
  expect(shards.length).toBeGreaterThanOrEqual(3);
  expect(shards[0]).toBe(`model-00001-of-0000${shards.length}.safetensors`);
  expect(names).toEqual(["config.json", ...shards, "model.safetensors.index.json"]);
  await using whole = await openModelFolder(llama);
  await using sharded = await openModelFolder(folder);
  expect(await bytesByName(sharded.tensors)).toEqual(await bytesByName(whole.tensors));
  expect(sharded.config).toEqual(JSON.parse(readFileSync(join(llama, "config.json"), "utf8")));
  const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"));
  const total = [...whole.tensors.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(index.metadata).toEqual({ total_size: total });
  expect(Object.keys(index.weight_map).sort()).toEqual([...whole.tensors.tensors.keys()].sort());
  for (const shard of shards) expect(readFileSync(join(folder, shard)).length).toBeLessThan(155_000);
});

test("written again as one file it is the golden file, and the shards are gone but not the other files", async () => {
  const folder = await shardedLlama();
  writeFileSync(join(folder, "notes.txt"), "mine");
  {
    await using model = await openModelFolder(folder);
    await writeModelFolder(folder, {
      config: model.config,
      generationConfig: { eos_token_id: 2 },
      files: { "chat_template.jinja": "{{ messages }}" },
      tensors: tensorsOf(model.tensors),
    });
  }
  expect(readdirSync(folder).sort()).toEqual(
    ["chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "notes.txt"].sort(),
  );
  expect(readFileSync(join(folder, "model.safetensors")).equals(readFileSync(join(llama, "model.safetensors")))).toBe(true);
  await using again = await openModelFolder(folder);
  expect(again.generationConfig).toEqual({ eos_token_id: 2 });
});

test.each(["F16", "BF16"] as const)("saved as %s, floats are rounded, integers stay and config.json says so", async (dtype) => {
  const folder = join(testFolder(), "half");
  await using whole = await openModelFolder(llama);
  const counts = { name: "counts", dtype: "I32", shape: [2], data: new Int32Array([7, 8]) } as const;
  await writeModelFolder(folder, { config: whole.config, tensors: [counts, ...tensorsOf(whole.tensors)], dtype });
  await using half = await openModelFolder(folder);
  expect(half.config).toEqual({ ...whole.config, dtype: dtype === "F16" ? "float16" : "bfloat16" });
  expect([...(await half.tensors.readInt32("counts"))]).toEqual([7, 8]);
  // Rounding to p significant bits moves a normal number by at most 2^-p of itself; 2^-25 is half of float16's smallest step.
  const relative = dtype === "F16" ? 2 ** -11 : 2 ** -8;
  for (const [name, info] of whole.tensors.tensors) {
    expect(half.tensors.tensors.get(name)).toMatchObject({ dtype, shape: info.shape });
    const exact = await whole.tensors.readFloat32(name);
    const rounded = await half.tensors.readFloat32(name);
    const off = exact.findIndex((value, i) => Math.abs(value - rounded[i]) > Math.max(Math.abs(value) * relative, 2 ** -25));
    expect(off, name).toBe(-1);
  }
});

test("an index that forgot a tensor, as some on the hub do, still gives it", async () => {
  const folder = await shardedLlama();
  await editIndex(folder, (map) => delete map["model.norm.weight"]);
  await using model = await openModelFolder(folder);
  expect((await model.tensors.readFloat32("model.norm.weight")).length).toBe(64);
});

test("of two tensors of one name in two shards, the one that the index names is read", async () => {
  const folder = await shardedLlama();
  const name = "lm_head.weight";
  const shards = readdirSync(folder).filter((file) => file.endsWith(".safetensors"));
  for (const [i, shard] of shards.entries()) {
    const path = join(folder, shard);
    const old = await openSafetensors(path);
    const others = [...tensorsOf(old)].filter((tensor) => tensor.name !== name);
    await writeSafetensors(path, [...others, { name, dtype: "I32", shape: [1], data: new Int32Array([i]) }]);
    await old.close();
  }
  for (const [i, shard] of shards.entries()) {
    await editIndex(folder, (map) => (map[name] = shard));
    await using model = await openModelFolder(folder);
    expect([...(await model.tensors.readInt32(name))]).toEqual([i]);
  }
  await editIndex(folder, (map) => delete map[name]);
  await expect(openModelFolder(folder)).rejects.toMatchObject({ code: "bad-index" });
});

test("tensors larger than a shard may be have shards of their own", async () => {
  const folder = join(testFolder(), "model");
  const tensors = ["a", "b", "c"].map((name) => ({ name, dtype: "F32", shape: [2], data: new Float32Array(2) }) as const);
  await writeModelFolder(folder, { config: {}, tensors, maxShardBytes: 1 });
  const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
  expect(readdirSync(folder).sort()).toEqual(["config.json", ...shards, "model.safetensors.index.json"]);
});

test("a part of a larger array is converted alone, wherever it begins", async () => {
  const folder = join(testFolder(), "model");
  const halves = new Uint16Array([0, 0x3c00, 0x4000, 0]).subarray(1, 3);
  await writeModelFolder(folder, { config: {}, dtype: "F32", tensors: [{ name: "a", dtype: "F16", shape: [2], data: halves }] });
  await using model = await openModelFolder(folder);
  expect([...(await model.tensors.readFloat32("a"))]).toEqual([1, 2]);
});

async function editIndex(folder: string, edit: (map: Record<string, unknown>) => void): Promise<void> {
  const path = join(folder, "model.safetensors.index.json");
  const index = JSON.parse(readFileSync(path, "utf8")) as { weight_map: Record<string, unknown> };
  edit(index.weight_map);
  writeFileSync(path, JSON.stringify(index));
}

const spoils: [title: string, code: string, says: string, spoil: (folder: string) => void | Promise<void>][] = [
  ["no folder", "not-found", "nothing is there", (folder) => rmSync(folder, { recursive: true })],
  ["a file for a folder", "not-a-folder", "it is a file", (folder) => (rmSync(folder, { recursive: true }), writeFileSync(folder, ""))],
  ["no config", "no-config", "config.json", (folder) => rmSync(join(folder, "config.json"))],
  [
    "an adapter's folder",
    "no-config",
    "base model",
    (folder) => (rmSync(join(folder, "config.json")), writeFileSync(join(folder, "adapter_config.json"), "{}")),
  ],
  [
    "a config that is no JSON",
    "bad-json",
    "config.json:2:13: trailing comma",
    (folder) => writeFileSync(join(folder, "config.json"), '{\n  "model": 1,}'),
  ],
  [
    "a config with a name twice",
    "bad-json",
    'config.json:1:8: the name "a" comes twice',
    (folder) => writeFileSync(join(folder, "config.json"), '{"a":1,"a":2}'),
  ],
  [
    "a config that is a list",
    "bad-json",
    "expected an object, found an array",
    (folder) => writeFileSync(join(folder, "config.json"), "[]"),
  ],
  [
    "an index of nothing",
    "bad-index",
    "weight_map",
    (folder) => writeFileSync(join(folder, "model.safetensors.index.json"), '{"weight_map":{}}'),
  ],
  [
    "an index with a number for a file",
    "bad-index",
    '"lm_head.weight", found 3',
    (folder) => editIndex(folder, (map) => (map["lm_head.weight"] = 3)),
  ],
  ["a missing shard", "missing-shard", "model-00001-of", (folder) => rmSync(join(folder, firstShard(folder)))],
  [
    "a tensor that its shard does not hold",
    "bad-index",
    '"extra.weight"',
    (folder) => editIndex(folder, (map) => (map["extra.weight"] = firstShard(folder))),
  ],
  [
    "a shard name that climbs out",
    "unsafe-shard-name",
    "../../etc/passwd",
    (folder) => editIndex(folder, (map) => (map["lm_head.weight"] = "../../etc/passwd")),
  ],
  [
    "a shard name from the root",
    "unsafe-shard-name",
    "/etc/passwd",
    (folder) => editIndex(folder, (map) => (map["lm_head.weight"] = "/etc/passwd")),
  ],
  [
    "a shard name with a backslash",
    "unsafe-shard-name",
    "leads out",
    (folder) => editIndex(folder, (map) => (map["lm_head.weight"] = "..\\x")),
  ],
  ["a shard with a longer tail", "trailing-bytes", firstShardOf(1), (folder) => appendFileSync(join(folder, firstShard(folder)), "x")],
  ["no weights at all", "no-weights", "neither model.safetensors nor", (folder) => removeWeights(folder)],
  [
    "weights of another kind",
    "no-weights",
    "model.gguf, which is not read",
    (folder) => (removeWeights(folder), writeFileSync(join(folder, "model.gguf"), "")),
  ],
  [
    "a pickle",
    "pickle-weights",
    "save_pretrained",
    (folder) => (removeWeights(folder), writeFileSync(join(folder, "pytorch_model.bin"), "")),
  ],
  [
    "a pickle in shards",
    "pickle-weights",
    "save_pretrained",
    (folder) => (removeWeights(folder), writeFileSync(join(folder, "pytorch_model-00001-of-00002.bin"), "")),
  ],
];

function firstShardOf(index: number): string {
  return `model-0000${index}-of-`;
}

function firstShard(folder: string): string {
  return readdirSync(folder).find((name) => name.startsWith(firstShardOf(1)))!;
}

function removeWeights(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith("model")) rmSync(join(folder, name));
}

test.each(spoils)("%s is refused by name", async (_, code, says, spoil) => {
  const folder = await shardedLlama();
  await spoil(folder);
  const error = await openModelFolder(folder).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CheckpointError);
  expect((error as CheckpointError).code).toBe(code);
  expect((error as CheckpointError).message).toContain(says);
  expect((error as CheckpointError).message).toContain(folder);
});

test("a write that fails in the middle changes nothing, in a new folder and in an old one", async () => {
  const parent = testFolder();
  const folder = join(parent, "model");
  const content = {
    config: { new: true },
    maxShardBytes: 8,
    tensors: [
      { name: "a", dtype: "F32", shape: [2], data: new Float32Array(2) },
      { name: "b", dtype: "F32", shape: [2], data: async () => new Float32Array(1) },
    ],
  } as const;
  const failure = { code: "wrong-length", tensor: "b", path: join(folder, "model-00002-of-00002.safetensors") };
  await expect(writeModelFolder(folder, content)).rejects.toMatchObject(failure);
  expect(readdirSync(parent)).toEqual([]);

  mkdirSync(folder);
  cpSync(join(llama, "config.json"), join(folder, "config.json"));
  cpSync(join(llama, "model.safetensors"), join(folder, "model.safetensors"));
  await expect(writeModelFolder(folder, content)).rejects.toMatchObject(failure);
  expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
  expect(readFileSync(join(folder, "config.json"), "utf8")).toBe(readFileSync(join(llama, "config.json"), "utf8"));
});

test("file names that leave the folder, and two tensors of one name, are refused", async () => {
  const folder = join(testFolder(), "model");
  const escaping = { config: {}, tensors: [], files: { "../evil": "" } };
  await expect(writeModelFolder(folder, escaping)).rejects.toMatchObject({ code: "unsafe-file-name" });
  const twice = { name: "a", dtype: "F32", shape: [1], data: new Float32Array(1) } as const;
  const twins = { config: {}, tensors: [twice, twice], maxShardBytes: 4 };
  await expect(writeModelFolder(folder, twins)).rejects.toMatchObject({ code: "duplicate-name" });
  expect(existsSync(folder)).toBe(false);
});

test("a value that float16 does not hold is refused by its tensor and place, and nothing is written", async () => {
  const folder = join(testFolder(), "model");
  const large = { name: "w", dtype: "F32", shape: [3], data: new Float32Array([1, 65519, -70000]) } as const;
  const failure = writeModelFolder(folder, { config: {}, tensors: [large], dtype: "F16" });
  await expect(failure).rejects.toMatchObject({
    code: "out-of-range",
    tensor: "w",
    message: expect.stringContaining("element 2 is -70000"),
  });
  expect(existsSync(folder)).toBe(false);
});
