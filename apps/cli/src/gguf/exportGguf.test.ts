import { GGMLQuantizationType, gguf } from "@huggingface/gguf";
import { openAdapterFolder, openModelFolder, tensorsOf, writeModelFolder, type ModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { findFamily } from "@sft/model";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openMergeSource } from "../merge/writeHuggingFace.ts";
import { dictionary, runSft } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import { exportGguf } from "./exportGguf.ts";

interface ReadTensor {
  readonly shape: readonly number[];
  readonly type: "F32" | "F16" | "Q8_0";
  readonly values: Float64Array;
}

/** Metadata and tensors as Hugging Face's reader places them; the values are decoded here, from the formats' definitions. */
async function readBack(path: string): Promise<{ metadata: Record<string, unknown>; tensors: Map<string, ReadTensor> }> {
  const { metadata, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
  const file = await readFile(path);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const tensors = new Map<string, ReadTensor>();
  for (const { name, shape, dtype, offset } of tensorInfos) {
    const sizes = shape.map(Number);
    const start = Number(tensorDataOffset + offset);
    expect(start % 32, name).toBe(0);
    const count = sizes.reduce((product, size) => product * size, 1);
    const type = GGMLQuantizationType[dtype] as ReadTensor["type"];
    const values = Float64Array.from({ length: count }, (_, index) => {
      if (type === "F32") return view.getFloat32(start + 4 * index, true);
      if (type === "F16") return halfToNumber(view.getUint16(start + 2 * index, true));
      const block = start + 34 * Math.floor(index / 32);
      return halfToNumber(view.getUint16(block, true)) * view.getInt8(block + 2 + (index % 32));
    });
    tensors.set(name, { shape: sizes.reverse(), type, values });
  }
  return { metadata: metadata as Record<string, unknown>, tensors };
}

/** A binary16 by its definition: sign, exponent with bias 15, ten bits of fraction. */
function halfToNumber(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 === 0 ? 1 : -1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** llama.cpp's names, as its tensor_mapping.py has them, written out for one layer of each family. */
const commonNames: Readonly<Record<string, string>> = {
  "model.layers.1.self_attn.q_proj.weight": "blk.1.attn_q.weight",
  "model.layers.1.self_attn.k_proj.weight": "blk.1.attn_k.weight",
  "model.layers.1.self_attn.v_proj.weight": "blk.1.attn_v.weight",
  "model.layers.1.self_attn.o_proj.weight": "blk.1.attn_output.weight",
  "model.layers.1.mlp.gate_proj.weight": "blk.1.ffn_gate.weight",
  "model.layers.1.mlp.up_proj.weight": "blk.1.ffn_up.weight",
  "model.layers.1.mlp.down_proj.weight": "blk.1.ffn_down.weight",
  "model.layers.1.input_layernorm.weight": "blk.1.attn_norm.weight",
  "model.embed_tokens.weight": "token_embd.weight",
  "model.norm.weight": "output_norm.weight",
};
const headNorms = {
  "model.layers.1.self_attn.q_norm.weight": "blk.1.attn_q_norm.weight",
  "model.layers.1.self_attn.k_norm.weight": "blk.1.attn_k_norm.weight",
};
const mlpNorm = { "model.layers.1.post_attention_layernorm.weight": "blk.1.ffn_norm.weight" };
const fourNorms = {
  "model.layers.1.post_attention_layernorm.weight": "blk.1.post_attention_norm.weight",
  "model.layers.1.pre_feedforward_layernorm.weight": "blk.1.ffn_norm.weight",
  "model.layers.1.post_feedforward_layernorm.weight": "blk.1.post_ffw_norm.weight",
};
const families = [
  { family: "llama", architecture: "llama", names: { ...commonNames, ...mlpNorm, "lm_head.weight": "output.weight" }, extra: 0 },
  { family: "llama3-rope-tied", architecture: "llama", names: { ...commonNames, ...mlpNorm }, extra: 1 },
  {
    family: "qwen2",
    architecture: "qwen2",
    names: {
      ...commonNames,
      ...mlpNorm,
      "model.layers.1.self_attn.q_proj.bias": "blk.1.attn_q.bias",
      "model.layers.1.self_attn.v_proj.bias": "blk.1.attn_v.bias",
    },
    extra: 0,
  },
  {
    family: "qwen3",
    architecture: "qwen3",
    names: { ...commonNames, ...mlpNorm, ...headNorms, "lm_head.weight": "output.weight" },
    extra: 0,
  },
  { family: "gemma2", architecture: "gemma2", names: { ...commonNames, ...fourNorms }, extra: 0 },
  { family: "gemma3", architecture: "gemma3", names: { ...commonNames, ...fourNorms, ...headNorms }, extra: 0 },
] as const;

/** What a checkpoint's tensor must look like in the file, by llama.cpp's permute (reshape, swap axes) and Gemma's norms. */
async function expectedValues(base: ModelFolder, name: string, architecture: string): Promise<Float32Array> {
  const values = await base.tensors.readFloat32(name);
  if (architecture.startsWith("gemma") && name.endsWith("norm.weight")) return values.map((value) => value + 1);
  if (architecture !== "llama" || !/[qk]_proj/.test(name)) return values;
  const heads = Number(base.config[name.includes("q_proj") ? "num_attention_heads" : "num_key_value_heads"]);
  const [rows, columns] = base.tensors.tensors.get(name)!.shape as [number, number];
  const half = rows / heads / 2;
  // [head, part, index, column] -> [head, index, part, column]
  const swapped = new Float32Array(values.length);
  let at = 0;
  for (let head = 0; head < heads; head++)
    for (let index = 0; index < half; index++)
      for (let part = 0; part < 2; part++)
        for (let column = 0; column < columns; column++) {
          swapped[at++] = values[((head * 2 + part) * half + index) * columns + column]!;
        }
  return swapped;
}

describe.each(families)("$family", ({ family, architecture, names, extra }) => {
  test.each(["F32", "F16", "Q8_0"] as const)("as %s is read back by another reader: names, shapes, types, values", async (type) => {
    const path = join(await testFolder(), "model.gguf");
    await using source = await openMergeSource(goldenModelPath(family), undefined, false);
    const report = await exportGguf(source, path, type);
    const { metadata, tensors } = await readBack(path);
    expect(metadata).toMatchObject({
      version: 3,
      "general.architecture": architecture,
      "general.file_type": { F32: 0, F16: 1, Q8_0: 7 }[type],
      [`${architecture}.block_count`]: source.base.config.num_hidden_layers,
      [`${architecture}.embedding_length`]: 64,
      [`${architecture}.feed_forward_length`]: 112,
      [`${architecture}.attention.head_count`]: 4,
      [`${architecture}.attention.head_count_kv`]: 2,
      [`${architecture}.context_length`]: source.base.config.max_position_embeddings,
      [`${architecture}.attention.key_length`]: source.base.config.head_dim ?? 16,
      [`${architecture}.vocab_size`]: 320,
      "tokenizer.ggml.model": "none",
    });
    expect(metadata[`${architecture}.attention.layer_norm_rms_epsilon`]).toBeCloseTo(1e-6, 12);
    expect(tensors.size).toBe(source.base.tensors.tensors.size + extra);
    expect(report.tensors).toBe(tensors.size);
    for (const [name, ggufName] of Object.entries(names)) {
      const read = tensors.get(ggufName)!;
      const expected = await expectedValues(source.base, name, architecture);
      expect(read.shape, name).toEqual(source.base.tensors.tensors.get(name)!.shape);
      const isVector = read.shape.length === 1;
      // The MLP's inner size here, 112, is no multiple of 32, so down_proj falls back to F16.
      expect(read.type, name).toBe(isVector ? "F32" : type === "Q8_0" && read.shape[1]! % 32 !== 0 ? "F16" : type);
      const off = expected.findIndex(
        (value, index) => !(Math.abs(read.values[index]! - value) <= roundingBound(read.type, expected, index)),
      );
      expect(off, `${name}: first element beyond the rounding of ${read.type}`).toBe(-1);
    }
  });
});

/**
 * F16 rounds to 11 bits, or to steps of 2^-24. Q8_0 rounds to half a step, and its step, largest / 127, is itself a float16:
 * up to 127 times half a unit of that besides. 1e-6 of the largest covers the float32 products before the rounding.
 */
function roundingBound(type: ReadTensor["type"], values: Float32Array, index: number): number {
  if (type === "F32") return 0;
  if (type === "F16") return Math.max(Math.abs(values[index]!) * 2 ** -11, 2 ** -25);
  const block = values.subarray(index - (index % 32), index - (index % 32) + 32);
  const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest * (1 / 254 + 1e-6) + 127 * Math.max((largest / 127) * 2 ** -11, 2 ** -25);
}

describe("what the architectures differ in", () => {
  const metadataOf = async (
    family: string,
  ): Promise<{ metadata: Record<string, unknown>; tensors: Map<string, ReadTensor>; warnings: readonly string[] }> => {
    const path = join(await testFolder(), "model.gguf");
    await using source = await openMergeSource(goldenModelPath(family), undefined, false);
    const { warnings } = await exportGguf(source, path, "F32");
    return { ...(await readBack(path)), warnings };
  };

  test("Llama 3's rope factors: 1 for short waves, the factor for long ones, between them in between", async () => {
    const { tensors, metadata } = await metadataOf("llama3-rope-tied");
    const factors = [...tensors.get("rope_freqs.weight")!.values];
    // Factor 32, low 1, high 4, 64 original positions, theta 500000, 8 frequencies: wavelengths 6.3, 32, 167 and longer.
    expect(metadata["llama.rope.freq_base"]).toBe(500000);
    const plain = Array.from({ length: 8 }, (_, index) => 2 * Math.PI * 500000 ** (index / 8));
    const expected = plain.map((wave) => (wave < 64 / 4 ? 1 : wave > 64 ? 32 : 1 / ((1 - (64 / wave - 1) / 3) / 32 + (64 / wave - 1) / 3)));
    // A quotient of two float32 numbers: a few units in the last place.
    factors.forEach((factor, index) => expect(Math.abs(factor / expected[index]! - 1)).toBeLessThan(1e-6));
    expect(factors.filter((factor) => factor > 1 && factor < 31.9).length).toBeGreaterThan(0);
  });

  test("Gemma's windows, caps and ropes", async () => {
    const two = await metadataOf("gemma2");
    expect(two.metadata).toMatchObject({
      "gemma2.attention.sliding_window": 8,
      "gemma2.attn_logit_softcapping": 50,
      "gemma2.final_logit_softcapping": 30,
    });
    const three = await metadataOf("gemma3");
    expect(three.metadata).toMatchObject({
      "gemma3.attention.sliding_window": 8,
      "gemma3.rope.freq_base": 1000000,
      "gemma3.rope.freq_base_swa": 10000,
    });
    expect(three.metadata["gemma3.attention.scale"]).toBeCloseTo(24 ** -0.5, 7);
    expect(three.warnings.join()).toContain("attention scores are scaled by 0.204124");
  });

  test("an adapter is merged on the way", async () => {
    const path = join(await testFolder(), "model.gguf");
    const llama = goldenModelPath("llama");
    await using source = await openMergeSource(llama, join(llama, "lora"), false);
    await exportGguf(source, path, "F32");
    const { values } = (await readBack(path)).tensors.get("blk.0.ffn_up.weight")!;
    await using adapter = await openAdapterFolder(join(llama, "lora"));
    const name = "base_model.model.model.layers.0.mlp.up_proj";
    const [a, b] = [await adapter.tensors.readFloat32(`${name}.lora_A.weight`), await adapter.tensors.readFloat32(`${name}.lora_B.weight`)];
    const weight = await source.base.tensors.readFloat32("model.layers.0.mlp.up_proj.weight");
    // alpha 8, rank 4: scale 2. W[3, 5] + 2 sum_k B[3, k] A[k, 5], rounded to float32 once.
    const expected = weight[3 * 64 + 5]! + 2 * [0, 1, 2, 3].reduce((sum, k) => sum + b[3 * 4 + k]! * a[k * 64 + 5]!, 0);
    expect(values[3 * 64 + 5]).toBe(Math.fround(expected));
  });
});

/** A golden model under a changed config. */
async function changedModel(family: string, changes: Record<string, unknown>): Promise<string> {
  const folder = join(await testFolder(), "model");
  await using base = await openModelFolder(goldenModelPath(family));
  await writeModelFolder(folder, { config: { ...base.config, ...changes }, tensors: tensorsOf(base.tensors) });
  return folder;
}

describe("what llama.cpp would compute otherwise is refused by name", () => {
  test.each([
    ["gpt2", {}, /its family is gpt2[\s\S]*llama, qwen2, qwen3, gemma2, gemma3_text/],
    [
      "gemma3",
      { layer_types: new Array(7).fill("full_attention") },
      /layer 0 has full attention, and llama\.cpp's gemma3 has it the other way/,
    ],
    [
      "qwen2",
      { use_sliding_window: true, sliding_window: 4, layer_types: ["full_attention", "sliding_attention"] },
      /layer 1 has a sliding window/,
    ],
    ["gemma2", { attn_logit_softcapping: null }, /it has no soft caps/],
    ["llama", { rope_parameters: { rope_type: "dynamic", rope_theta: 10000, factor: 2 } }, /rope scaling "dynamic" has no counterpart/],
  ] as const)("%s with %j", async (family, changes, message) => {
    const folder = await changedModel(family, changes);
    await using source = await openMergeSource(folder, undefined, false);
    const output = await testFolder();
    await expect(exportGguf(source, join(output, "model.gguf"), "F32")).rejects.toThrow(message);
    expect(await readdir(output)).toEqual([]);
  });
});

describe.concurrent("sft export", () => {
  test("gguf of the dictionary model: tokenizer, special tokens and chat template are read back", async () => {
    const folder = await testFolder();
    const { exitCode, stdout, stderr } = await runSft(
      ["export", "--format", "gguf", "--model", dictionary.model, "--type", "q8_0", "--output", "model.gguf", "--json"],
      { cwd: folder },
    );
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(JSON.parse(stdout)).toMatchObject({ format: "gguf", architecture: "llama", tensors: 38, warnings: [] });
    const { metadata } = await readBack(join(folder, "model.gguf"));
    const tokenizer = JSON.parse(await readFile(join(dictionary.model, "tokenizer.json"), "utf8")) as {
      model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
    };
    const config = JSON.parse(await readFile(join(dictionary.model, "tokenizer_config.json"), "utf8")) as { chat_template: string };
    const tokens = metadata["tokenizer.ggml.tokens"] as string[];
    expect(tokens).toHaveLength(4096);
    for (const [text, id] of Object.entries(tokenizer.model.vocab)) expect(tokens[id]).toBe(text);
    expect(metadata["tokenizer.ggml.merges"]).toEqual(
      tokenizer.model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" "))),
    );
    expect((metadata["tokenizer.ggml.token_type"] as number[]).slice(0, 5)).toEqual([3, 3, 3, 3, 1]);
    expect(metadata).toMatchObject({
      "tokenizer.ggml.model": "gpt2",
      "tokenizer.ggml.pre": "gpt-2",
      "tokenizer.ggml.eos_token_id": 0,
      "tokenizer.ggml.padding_token_id": 1,
      "tokenizer.ggml.add_bos_token": false,
      "tokenizer.chat_template": config.chat_template,
    });
    expect(metadata).not.toHaveProperty("tokenizer.ggml.bos_token_id");
  });

  test("hf writes another type in shards, and what is there is not replaced unasked", async () => {
    const folder = await testFolder();
    const args = [
      "export",
      "--format",
      "hf",
      "--model",
      dictionary.model,
      "--dtype",
      "float16",
      "--max-shard-size",
      "3MB",
      "--output",
      "half",
    ];
    expect((await runSft(args, { cwd: folder })).exitCode).toBe(0);
    await using half = await openModelFolder(join(folder, "half"));
    expect(half.config.dtype).toBe("float16");
    expect(findFamily(half.config).modelType).toBe("llama");
    expect((await readdir(join(folder, "half"))).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(2);
    const again = await runSft(args, { cwd: folder });
    expect(again.stderr).toMatch(/half is there already/);
    expect(again.exitCode).toBe(2);
  });

  test.each([
    [["--model", dictionary.model, "--output", "x"], /export needs a format/],
    [["--format", "gguf", "--model", dictionary.model], /export needs a place to write to/],
    [["--format", "onnx", "--model", dictionary.model, "--output", "x"], /--format: expected one of hf, gguf, got "onnx"/],
    [["--format", "gguf", "--model", dictionary.model, "--output", "x", "--dtype", "float16"], /--dtype has no meaning with --format gguf/],
    [
      ["--format", "hf", "--adapter", join(goldenModelPath("llama"), "lora"), "--model", goldenModelPath("llama"), "--output", "x"],
      /by sft merge, which checks what it writes/,
    ],
  ])("refuses %j", async (args, message) => {
    const { exitCode, stderr } = await runSft(["export", ...args], { cwd: await testFolder() });
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
  });
});
