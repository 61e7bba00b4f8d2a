import { describe, expect, it } from "vitest";
import type { ParameterSpec } from "../families/family.ts";
import { layoutLora } from "./lora.ts";
import { patternValue } from "./peftPattern.ts";

const modules = [
  "model.layers.0.self_attn.q_proj",
  "model.layers.10.self_attn.q_proj",
  "model.layers.1.mlp.down_proj",
  "model.layers.2.self_attn.v_proj",
  "q_proj",
];

/** What Python 3's re.match(rf"(.*\.)?({key})$", module) said of each key: the modules that match. */
const python: readonly (readonly [key: string, matched: readonly string[]])[] = [
  ["q_proj", [modules[0]!, modules[1]!, modules[4]!]],
  ["layers.0.self_attn.q_proj", [modules[0]!]],
  ["model.layers.0.self_attn.q_proj", [modules[0]!]],
  [String.raw`^model\.layers\.0\.`, []],
  [String.raw`layers\.[01]\..*_proj`, [modules[0]!, modules[2]!]],
  ["self_attn.v_proj|q_proj", [modules[0]!, modules[1]!, modules[3]!, modules[4]!]],
  ["proj", []],
  [".*down.*", [modules[2]!]],
  ["layers.0", []],
];

describe("rank_pattern and alpha_pattern", () => {
  it.each(python)("key %s matches what Python's re matches", (key, matched) => {
    expect(modules.filter((module) => patternValue({ [key]: 3 }, module) === 3)).toEqual(matched);
  });

  it("take the first key that matches, as PEFT does", () => {
    expect(patternValue({ down_proj: 1, q_proj: 2, "layers.0.self_attn.q_proj": 3 }, modules[0]!)).toBe(2);
    expect(patternValue({ down_proj: 1 }, modules[0]!)).toBeUndefined();
    expect(() => patternValue({ "(": 1 }, "x")).toThrow(/pattern key "\(" is no valid regular expression/);
  });

  it("give a pair its own rank and scale", () => {
    const linear = (name: string): ParameterSpec => ({ name: `${name}.weight`, shape: [6, 4], kind: "linear" });
    const config = {
      r: 4,
      alpha: 8,
      dropout: 0,
      targetModules: "all-linear",
      rankPattern: { q_proj: 2 },
      alphaPattern: { "layers.1.v_proj": 32 },
    };
    const { modules: pairs } = layoutLora([linear("layers.0.q_proj"), linear("layers.1.v_proj")], config);
    expect(pairs.get("layers.0.q_proj")).toMatchObject({ a: { shape: [2, 4] }, b: { shape: [6, 2] }, scale: 8 / 2 });
    expect(pairs.get("layers.1.v_proj")).toMatchObject({ a: { shape: [4, 4] }, b: { shape: [6, 4] }, scale: 32 / 4 });
    const rs = layoutLora([linear("layers.0.q_proj")], { ...config, useRslora: true });
    expect(rs.modules.get("layers.0.q_proj")!.scale).toBeCloseTo(8 / Math.sqrt(2), 12);
    expect(() => layoutLora([linear("q_proj")], { ...config, rankPattern: { q_proj: 0 } })).toThrow(
      /rank must be a positive integer, got 0/,
    );
  });
});
