import { openAdapterFolder, openModelFolder } from "@sft/checkpoint";
import { gguf } from "@huggingface/gguf";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dictionary, runSft, type Finished } from "../testing/runSft.ts";
import { modelWith, someRows, testFolder } from "../testing/testFolder.ts";

const readJson = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;

/** Two steps of a recipe on the dictionary model. */
async function trained(keys: string): Promise<Finished & { readonly checkpoint: string }> {
  const folder = await testFolder();
  await someRows(folder, 4);
  await writeFile(
    join(folder, "recipe.yaml"),
    `${keys.startsWith("base_model") ? "" : `base_model: ${dictionary.model}\n`}datasets: rows.json\nmax_steps: 2\nmicro_batch_size: 2\nbackend: cpu\noutput_dir: out\n${keys}\n`,
  );
  const run = await runSft(["train", "recipe.yaml", "--quiet"], { cwd: folder });
  return { ...run, checkpoint: join(folder, "out/checkpoint-2") };
}

describe.concurrent("sft train with the keys of its methods", () => {
  test("rsLoRA with patterns, copies, LoRA+, noise, smoothing and offloaded state writes what PEFT reads", async () => {
    const { stderr, exitCode, checkpoint } = await trained(
      "use_rslora: true\nrank_pattern: { q_proj: 2 }\nalpha_pattern: { down_proj: 64 }\nmodules_to_save: [norm]\nloraplus_lr_ratio: 4\n" +
        "neftune_noise_alpha: 5\nlabel_smoothing: 0.1\nz_loss: 1e-4\noffload_optimizer: cpu\noptimizer: lion\nlr_scheduler: one_cycle",
    );
    expect([exitCode, stderr]).toEqual([0, ""]);
    await using adapter = await openAdapterFolder(checkpoint);
    expect(adapter.config).toMatchObject({
      use_rslora: true,
      rank_pattern: { q_proj: 2 },
      alpha_pattern: { down_proj: 64 },
      modules_to_save: ["model.norm"],
    });
    const shapeOf = (name: string) => adapter.tensors.tensors.get(`base_model.model.model.layers.0.${name}.lora_A.weight`)!.shape[0];
    expect([shapeOf("self_attn.q_proj"), shapeOf("mlp.up_proj")]).toEqual([2, 8]);
  });

  test("DoRA on 4 bits keeps magnitudes beside the pairs", async () => {
    const { stderr, exitCode, checkpoint } = await trained("use_dora: true\nload_in_4bit: true\noptimizer: adamw_8bit");
    expect([exitCode, stderr]).toEqual([0, ""]);
    await using adapter = await openAdapterFolder(checkpoint);
    expect([...adapter.tensors.tensors.keys()].filter((name) => name.endsWith("lora_magnitude_vector"))).not.toHaveLength(0);
  });

  test("the last layer alone changes, and nothing else by a bit", async () => {
    const { stderr, exitCode, checkpoint } = await trained(
      "adapter: none\nfreeze_trainable_layers: 1\nfrozen_parameters: ['.*layernorm']\noptimizer: adafactor\nlr_scheduler: inverse_sqrt",
    );
    expect([exitCode, stderr]).toEqual([0, ""]);
    await using base = await openModelFolder(dictionary.model);
    await using tuned = await openModelFolder(checkpoint);
    const layers = Number(base.config.num_hidden_layers);
    const changed: string[] = [];
    for (const name of base.tensors.tensors.keys()) {
      const [before, after] = await Promise.all([base.tensors.readFloat32(name), tuned.tensors.readFloat32(name)]);
      if (before.some((value, index) => value !== after[index])) changed.push(name);
    }
    expect(changed).toHaveLength(7);
    expect(changed.every((name) => name.startsWith(`model.layers.${layers - 1}.`) && name.includes("_proj."))).toBe(true);
  });

  test("a whole model travels with its tokenizer, template, mask and terminators, though its base has a template of its own", async () => {
    const base = await modelWith(await testFolder(), {});
    await writeFile(join(base, "chat_template.jinja"), "{{ messages[0].content }}");
    const { stderr, exitCode, checkpoint } = await trained(`base_model: ${base}\nadapter: none`);
    expect([exitCode, stderr]).toEqual([0, ""]);
    const settings = await readJson(join(checkpoint, "prompt_settings.json"));
    expect(settings).toMatchObject({ template: { name: "alpaca" }, mask_policy: "completion", eos_token_id: [expect.any(Number)] });
    const eos = (settings.eos_token_id as number[])[0]!;
    expect([(await readJson(join(checkpoint, "generation_config.json"))).eos_token_id].flat()).toContain(eos);
    expect(await readdir(checkpoint)).toEqual(expect.arrayContaining(["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]));
    const answer = await runSft([
      "generate",
      "--model",
      checkpoint,
      "--prompt",
      "Hello",
      "--max-new-tokens",
      "2",
      "--backend",
      "cpu",
      "--json",
    ]);
    expect(answer.stderr).toBe("");
    expect(JSON.parse(answer.stdout)).toMatchObject({ prompt: "Hello" });

    const file = join(checkpoint, "model.gguf");
    const exported = await runSft(["export", "--format", "gguf", "--model", checkpoint, "--output", file]);
    expect(exported.exitCode).toBe(0);
    const { metadata } = await gguf(file, { allowLocalFile: true });
    expect(metadata).toMatchObject({
      "sft.template.name": "alpaca",
      "sft.template.hash": (settings.template as { hash: string }).hash,
      "sft.mask_policy": "completion",
      "sft.eos_token_id": [eos],
      "tokenizer.ggml.eos_token_id": eos,
    });
  });

  test.each([
    ["adapter: none\nfreeze_trainable_layers: 40", /freeze_trainable_layers is 40, and the model has \d+ layers\n/],
    [
      "adapter: none\nfrozen_parameters: [layers.0]",
      /frozen_parameters: "layers\.0" matches no parameter from its first character on\n.*Closest/,
    ],
    ["frozen_parameters: ['.*']", /frozen_parameters is for full fine-tuning; with LoRA the base is frozen already/],
    ["adapter: none\nload_in_4bit: true", /load_in_4bit keeps the base frozen, and adapter is none/],
    ["lora_rank_pattern: { q_porj: 4 }", /lora_rank_pattern: "q_porj" matches no module that the adapter trains\.\nDid you mean q_proj/],
    ["lora_target_modules: [q_porj]", /LoRA target "q_porj" matches no linear layer of this model\n.*Closest: q_proj/],
    ["modules_to_save: [lm_haed]", /modules_to_save "lm_haed" names no module of this model\n.*Closest/],
  ])("refuses %j before a file is written", async (keys, message) => {
    const { stderr, exitCode } = await trained(keys);
    expect(stderr).toMatch(message);
    expect(exitCode).not.toBe(0);
  });
});
