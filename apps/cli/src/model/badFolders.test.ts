import { openModelFolder, tensorsOf, writeModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runSft } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import { openModel } from "./openModel.ts";

/** The golden Llama in shards, spoilt, and what `sft verify` (which opens and loads it as every verb does) says of it. */
async function said(spoil: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(await testFolder(), "model");
  await using llama = await openModelFolder(goldenModelPath("llama"));
  await writeModelFolder(folder, { config: llama.config, tensors: tensorsOf(llama.tensors), maxShardBytes: 150_000 });
  await spoil(folder);
  await writeFile(join(folder, "case.safetensors"), await readFile(join(goldenModelPath("llama"), "case.safetensors")));
  const { exitCode, stderr } = await runSft(["verify", folder, "--backend", "cpu"]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^error: /);
  expect(stderr).not.toMatch(/\n\s+at .*:\d+/);
  return stderr;
}

async function edit(
  path: string,
  change: (json: Record<string, unknown> & { weight_map?: Record<string, string> }) => void,
): Promise<void> {
  const json = JSON.parse(await readFile(path, "utf8")) as Parameters<typeof change>[0];
  change(json);
  await writeFile(path, JSON.stringify(json));
}

const config =
  (change: Record<string, unknown>) =>
  (folder: string): Promise<void> =>
    edit(join(folder, "config.json"), (json) => Object.assign(json, change));
const index =
  (shard: string) =>
  (folder: string): Promise<void> =>
    edit(join(folder, "model.safetensors.index.json"), (json) => (json.weight_map!["lm_head.weight"] = shard));
const weights = async (folder: string): Promise<string[]> => (await readdir(folder)).filter((name) => name.startsWith("model"));

describe.concurrent("a model folder that cannot be used is refused by name", () => {
  test.each<[string, (folder: string) => Promise<void>, RegExp]>([
    [
      "a shard that is missing",
      async (folder) => rm(join(folder, (await weights(folder))[0]!)),
      /names the shard model-00001-of-\d+\.safetensors, which is not in the folder/,
    ],
    [
      "a tensor of another shape: name, found, expected",
      config({ vocab_size: 321 }),
      /tensor model\.embed_tokens\.weight is \[320, 64\], config\.json asks for \[321, 64\]/,
    ],
    ["a tensor that is missing", config({ num_hidden_layers: 3 }), /no tensor model\.layers\.2\.input_layernorm\.weight \(\[64\]\)/],
    [
      "weights that another program quantised",
      config({ quantization_config: { quant_method: "gptq", bits: 4 } }),
      /the weights are quantised \(quantization_config: gptq\)/,
    ],
    [
      "an architecture that is not known",
      config({ model_type: "mamba2", architectures: ["Mamba2ForCausalLM"] }),
      /"mamba2"[\s\S]*Known families: llama, mistral, qwen2, qwen3, gemma2/,
    ],
    ["a shard name that climbs out", index("../../secret.safetensors"), /"\.\.\/\.\.\/secret\.safetensors", leads out of the folder/],
    [
      "a pickle",
      async (folder) => {
        for (const name of await weights(folder)) await rm(join(folder, name));
        await writeFile(join(folder, "pytorch_model.bin"), "");
      },
      /pytorch_model\.bin is a Python pickle[\s\S]*save_pretrained/,
    ],
  ])("%s", async (_, spoil, message) => {
    expect(await said(spoil)).toMatch(message);
  });
});

test("a name of the hub that is no folder is told from a wrong path", async () => {
  const folder = await testFolder();
  await expect(openModel(join(folder, "org/tiny-1B"))).rejects.toThrow("fetched first: sft download org/tiny-1B");
  await expect(openModel(join(folder, "nowhere"))).rejects.toThrow(/nothing is there\n {2}Check the path\.$/);
});
