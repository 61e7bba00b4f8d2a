import { openAdapterFolder, openModelFolder, openSafetensors, writeAdapterFolder, writeModelFolder, tensorsOf } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import type { Backend } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { baseRecordFiles } from "../model/baseRecord.ts";
import { dictionary, runSft } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import { checkMerge } from "./checkMerge.ts";
import { openMergeSource, roundedDType, writeHuggingFace } from "./writeHuggingFace.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await createCpuBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

const [llama, lora] = [goldenModelPath("llama"), join(goldenModelPath("llama"), "lora")];

/** The dictionary model with a LoRA adapter on one module, random B and all, and the files that training leaves. */
async function dictionaryAdapter(folder: string): Promise<string> {
  const adapter = join(folder, "adapter");
  await using base = await openModelFolder(dictionary.model);
  const name = "base_model.model.model.layers.1.mlp.down_proj";
  const wave = (length: number, scale: number): Float32Array =>
    Float32Array.from({ length }, (_, index) => Math.sin(index * 12.9898) * scale);
  await writeAdapterFolder(adapter, {
    config: { r: 2, lora_alpha: 4, target_modules: ["down_proj"], base_model_name_or_path: dictionary.model },
    tensors: [
      { name: `${name}.lora_A.weight`, dtype: "F32", shape: [2, 640], data: wave(1280, 0.05) },
      { name: `${name}.lora_B.weight`, dtype: "F32", shape: [256, 2], data: wave(512, 0.05) },
    ],
    files: {
      ...(await baseRecordFiles(base)),
      "prompt_settings.json": await promptSettings("chatml"),
    },
  });
  return adapter;
}

async function promptSettings(name: string): Promise<string> {
  const { findTemplate } = await import("@sft/templates");
  return JSON.stringify({ template: { name, hash: findTemplate(name).hash }, mask_policy: "assistant" });
}

describe("merging", () => {
  test.each([
    ["llama", "lora"],
    ["llama", "rslora"],
    ["llama", "dora"],
    ["gpt2", "lora"],
    ["gpt-neox", "lora"],
  ])("%s with its %s: the check passes in float32, float16 and bfloat16, and shards come out", async (family, kind) => {
    const folder = await testFolder();
    await using source = await openMergeSource(goldenModelPath(family), join(goldenModelPath(family), kind), false);
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      const output = join(folder, dtype);
      await writeHuggingFace(source, { output, dtype, maxShardBytes: 100_000 });
      const check = await checkMerge({ backend, base: source.base, adapter: source.adapter!, merged: output, dtype });
      expect(check.pass).toBe(true);
      expect(check.adapterEffect).toBeGreaterThan(10 * check.relativeL2);
      expect((await readdir(output)).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(1);
      await using merged = await openModelFolder(output);
      expect([...merged.tensors.tensors.values()].every((info) => info.dtype === dtype)).toBe(true);
    }
  });

  test("a folder that is not merged fails the check by as much as the adapter changes", async () => {
    await using source = await openMergeSource(llama, lora, false);
    const check = await checkMerge({ backend, base: source.base, adapter: source.adapter!, merged: llama, dtype: "BF16" });
    expect(check.pass).toBe(false);
    expect(check.relativeL2).toBeCloseTo(check.adapterEffect, 6);
  });

  test("what fails its check leaves nothing behind", async () => {
    const folder = await testFolder();
    await using source = await openMergeSource(llama, lora, false);
    const output = join(folder, "out");
    const failing = writeHuggingFace(source, { output, check: () => Promise.reject(new Error("too far apart")) });
    await expect(failing).rejects.toThrow("too far apart");
    expect(await readdir(folder)).toEqual([]);
  });

  test("untouched tensors keep their bytes, and the type that the changed ones are stored in is what they are rounded to", async () => {
    const folder = await testFolder();
    const adapter = await dictionaryAdapter(folder);
    await using source = await openMergeSource(dictionary.model, adapter, false);
    expect(roundedDType(source.weights, undefined)).toBe("BF16");
    const output = join(folder, "merged");
    await writeHuggingFace(source, { output });
    await using before = await openSafetensors(join(dictionary.model, "model.safetensors"));
    await using after = await openSafetensors(join(output, "model.safetensors"));
    const changed: string[] = [];
    for (const name of before.tensors.keys()) {
      expect(after.tensors.get(name)!.dtype).toBe("BF16");
      if (Buffer.compare(await before.read(name), await after.read(name)) !== 0) changed.push(name);
    }
    expect(changed).toEqual(["model.layers.1.mlp.down_proj.weight"]);
  });
});

describe.concurrent("sft merge", () => {
  test("takes the base from the adapter, checks, and lets tokenizer, template, mask and terminators travel along", async () => {
    const folder = await testFolder();
    const adapter = await dictionaryAdapter(folder);
    const { exitCode, stdout, stderr } = await runSft(
      ["merge", "--adapter", adapter, "--output", "merged", "--backend", "cpu", "--threads", "1", "--json"],
      { cwd: folder },
    );
    expect([stderr, exitCode]).toEqual(["", 0]);
    const report = JSON.parse(stdout) as { merged: number; check: { pass: boolean; bound: number; relativeL2: number } };
    expect(report).toMatchObject({ merged: 1, check: { pass: true } });
    const merged = join(folder, "merged");
    expect((await readdir(merged)).sort()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "prompt_settings.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    expect(await readFile(join(merged, "tokenizer.json"))).toEqual(await readFile(join(dictionary.model, "tokenizer.json")));
    // 0 is <|endoftext|>, 3 is chatml's terminator <|im_end|>.
    expect((JSON.parse(await readFile(join(merged, "generation_config.json"), "utf8")) as { eos_token_id: unknown }).eos_token_id).toEqual([
      0, 3,
    ]);
  });

  test("refuses other weights than those the adapter was trained on, unless that is meant", async () => {
    const folder = await testFolder();
    const adapter = await dictionaryAdapter(folder);
    const other = join(folder, "other");
    await using base = await openModelFolder(dictionary.model);
    await writeModelFolder(other, { config: base.config, tensors: tensorsOf(base.tensors), dtype: "F32" });
    const args = ["merge", "--model", other, "--adapter", adapter, "--output", "merged", "--backend", "cpu", "--threads", "1"];
    const refused = await runSft(args, { cwd: folder });
    expect(refused.stderr).toMatch(
      /^error: The adapter .* was trained on other weights than those of .*other: expected the fingerprint [0-9a-f]{12}, found [0-9a-f]{12}/,
    );
    expect(refused.exitCode).toBe(1);
    expect(await readdir(folder)).not.toContain("merged");
    expect((await runSft([...args, "--accept-other-base"], { cwd: folder })).exitCode).toBe(0);
  });

  test.each([
    [
      "an adapter of another shape",
      ["--model", goldenModelPath("qwen3"), "--adapter", lora],
      1,
      /does not fit this base model: expected \S+lora_B\.weight to be \[96, 4\], found \[64, 4\]/,
    ],
    ["no adapter", ["--model", llama], 2, /there is no adapter to merge/],
    ["an output inside what is read", ["--model", llama, "--adapter", lora, "--output", join(llama, "merged")], 2, /overlap/],
    [
      "an unknown type",
      ["--model", llama, "--adapter", lora, "--dtype", "int4"],
      2,
      /--dtype: expected one of float32, float16, bfloat16, got "int4"/,
    ],
    [
      "a size that is none",
      ["--model", llama, "--adapter", lora, "--max-shard-size", "big"],
      2,
      /--max-shard-size: expected a size, got "big"/,
    ],
  ])("refuses %s", async (_, args, code, message) => {
    const folder = await testFolder();
    const { exitCode, stderr } = await runSft(["merge", "--output", "merged", "--backend", "cpu", ...args], { cwd: folder });
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(code);
    expect(await readdir(folder)).toEqual([]);
  });

  test("refuses an adapter with parts that change the maths, by the field's name", async () => {
    const folder = await testFolder();
    const adapter = join(folder, "adapter");
    await mkdir(adapter);
    await cp(lora, adapter, { recursive: true });
    const path = join(adapter, "adapter_config.json");
    await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, "utf8")) as object), bias: "lora_only" }));
    await using opened = await openAdapterFolder(adapter);
    expect(opened.config.bias).toBe("lora_only");
    await expect(openMergeSource(llama, adapter, false)).rejects.toThrow(
      /bias is "lora_only", which changes what the adapter computes and is not implemented/,
    );
  });
});
