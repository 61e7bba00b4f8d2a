import { describe, expect, it } from "vitest";
import type { ParameterSpec } from "../families/family.ts";
import { randomFrom } from "../randomWeights.ts";
import { initialLora } from "./initialLora.ts";
import { layoutLora } from "./lora.ts";
import { matchTargets } from "./loraTargets.ts";

const linear = (name: string, out: number, input: number): ParameterSpec => ({
  name: `${name}.weight`,
  shape: [out, input],
  kind: "linear",
});
const parameters: readonly ParameterSpec[] = [
  { name: "model.embed_tokens.weight", shape: [32, 8], kind: "embedding" },
  ...[0, 1].flatMap((layer) => [
    linear(`model.layers.${layer}.self_attn.q_proj`, 8, 8),
    linear(`model.layers.${layer}.self_attn.v_proj`, 4, 8),
    linear(`model.layers.${layer}.mlp.down_proj`, 8, 16),
  ]),
  { name: "lm_head.weight", shape: [32, 8], kind: "head" },
];
const config = { r: 2, alpha: 4, dropout: 0 };

describe("LoRA targets", () => {
  it("take all linear layers but the head, endings, whole names, or a regular expression over whole names", () => {
    expect(matchTargets(parameters, "all-linear")).toHaveLength(6);
    expect(matchTargets(parameters, ["q_proj"])).toEqual(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"]);
    expect(matchTargets(parameters, ["model.layers.1.mlp.down_proj"])).toEqual(["model.layers.1.mlp.down_proj"]);
    expect(matchTargets(parameters, String.raw`.*layers\.1\..*_proj`)).toHaveLength(3);
    expect(matchTargets(parameters, ["self_attn.v_proj"])).toHaveLength(2);
  });

  it.each([
    [["qproj"], /"qproj" matches no linear layer[\s\S]*Closest: q_proj/],
    ["layers.1", /"layers.1" matches no linear layer/],
    [["q_proj", "gate"], /"gate" matches/],
  ])("name the close ones when nothing matches: %j", (targets, message) => {
    expect(() => matchTargets(parameters, targets)).toThrow(message);
  });

  it("refuse a broken expression, a rank that is none, and a dropout of 1", () => {
    expect(() => matchTargets(parameters, "(")).toThrow(/is no valid regular expression/);
    expect(() => layoutLora(parameters, { ...config, r: 0, targetModules: "all-linear" })).toThrow(
      /rank must be a positive integer, got 0/,
    );
    expect(() => layoutLora(parameters, { ...config, dropout: 1, targetModules: "all-linear" })).toThrow(
      /dropout must be in \[0, 1\), got 1/,
    );
  });
});

describe("the pairs", () => {
  it("have PEFT's names, shapes and scales", () => {
    const { modules } = layoutLora(parameters, { ...config, targetModules: ["v_proj"] });
    expect(modules.get("model.layers.0.self_attn.v_proj")).toEqual({
      a: { name: "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight", shape: [2, 8], kind: "linear" },
      b: { name: "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight", shape: [4, 2], kind: "linear" },
      scale: 2,
    });
    const rank = layoutLora(parameters, { ...config, useRslora: true, targetModules: ["v_proj"] });
    expect([...rank.modules.values()][0]!.scale).toBeCloseTo(4 / Math.sqrt(2), 12);
  });

  it("start with A uniform in +-1/sqrt(in) and B zero, the same for the same seed", () => {
    const layout = layoutLora(parameters, { ...config, r: 8, targetModules: "all-linear" });
    const values = initialLora(layout, randomFrom(7));
    for (const { a, b } of layout.modules.values()) {
      const bound = 1 / Math.sqrt(a.shape[1]!);
      const data = values.get(a.name)!;
      expect(data.every((value) => Math.abs(value) <= bound)).toBe(true);
      // Of 64 or more uniform draws the largest is beyond 0.8 of the bound but for a chance of 0.8^64 = 6e-7.
      expect(Math.max(...data.map(Math.abs))).toBeGreaterThan(0.8 * bound);
      expect(values.get(b.name)!.every((value) => value === 0)).toBe(true);
    }
    expect(initialLora(layout, randomFrom(7))).toEqual(values);
    expect(initialLora(layout, randomFrom(8))).not.toEqual(values);
  });
});
