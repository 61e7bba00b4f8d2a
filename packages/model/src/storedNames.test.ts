import { openModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { createCpuBackend } from "@sft/kernels-cpu";
import { describe, expect, it } from "vitest";
import { findFamily } from "./families/index.ts";
import { LanguageModel } from "./languageModel.ts";
import { sequenceLogits } from "./sequenceLogits.ts";
import { storedNames, underOurNames } from "./storedNames.ts";

describe("checkpoints of a bare base model", () => {
  it("gpt2 as the hub has it: no prefix, and masks that are no parameters", async () => {
    await using folder = await openModelFolder(goldenModelPath("gpt2"));
    const backend = await createCpuBackend({ threads: 1 });
    const prefix = "transformer.";
    const bare = new Map([...folder.tensors.tensors].map(([name, info]) => [name.slice(prefix.length), info]));
    const masked = new Map<string, { readonly shape: readonly number[] }>([...bare, ["h.0.attn.bias", { shape: [1, 1, 128, 128] }]]);
    const hub = { tensors: masked, readFloat32: (name: string) => folder.tensors.readFloat32(prefix + name) };
    const [ours, theirs] = await Promise.all(
      [folder.tensors, hub].map((weights) => LanguageModel.load({ backend, config: folder.config, weights })),
    );
    const prompt = [Int32Array.of(5, 9, 200, 31)];
    expect(await sequenceLogits(theirs!, prompt)).toEqual(await sequenceLogits(ours!, prompt));
    await backend.dispose();
  });

  it("are read under our names, and what is no parameter under its own", async () => {
    await using folder = await openModelFolder(goldenModelPath("llama"));
    const family = findFamily(folder.config);
    const bare = (name: string): string => name.replace(/^model\./, "");
    const stored = new Map([...folder.tensors.tensors.keys()].map((name) => [bare(name), name]));
    const source = underOurNames(folder.tensors, stored);
    expect([...source.tensors.keys()]).toEqual([...stored.keys()]);
    const names = storedNames(family.parameters(family.readConfig(folder.config)), family, source);
    expect(names.get("model.norm.weight")).toBe("norm.weight");
    expect(names.get("lm_head.weight")).toBe("lm_head.weight");
    expect(await source.readFloat32("norm.weight")).toEqual(await folder.tensors.readFloat32("model.norm.weight"));
  });
});
