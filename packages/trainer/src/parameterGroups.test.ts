import type { ParameterSpec } from "@sft/model";
import { describe, expect, it } from "vitest";
import { groupParameters, type ParameterGroup } from "./parameterGroups.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";

const settings: TrainingSettings = { ...defaultSettings, method: "lora", maxSteps: 1, weightDecay: 0.1, loraPlusRatio: 1 };
const matrix = (name: string, rows: number, columns: number): ParameterSpec => ({ name, shape: [rows, columns], kind: "linear" });
const vector = (name: string, length: number): ParameterSpec => ({ name, shape: [length], kind: "norm" });
const describeGroup = ({ name, members, shape }: ParameterGroup): string =>
  `${name} [${shape.join()}]: ${members.map(({ spec, firstElement }) => `${spec.name} at ${firstElement}`).join(", ")}`;

describe("groups of parameters", () => {
  const pairs = [matrix("q.lora_A.weight", 4, 33), matrix("q.lora_B.weight", 6, 4), vector("q.lora_magnitude_vector", 6)];
  const more = [matrix("v.lora_A.weight", 4, 33), matrix("v.lora_B.weight", 6, 4), vector("v.lora_magnitude_vector", 6)];

  it("holds what one formula moves with one rate and one decay, at aligned places", () => {
    expect(groupParameters([...pairs, ...more], settings, 16).map(describeGroup)).toEqual([
      "group.0 [352]: q.lora_A.weight at 0, q.lora_B.weight at 144, v.lora_A.weight at 176, v.lora_B.weight at 320",
      "group.1 [32]: q.lora_magnitude_vector at 0, v.lora_magnitude_vector at 16",
    ]);
  });

  it("keeps LoRA+'s two rates apart", () => {
    expect(
      groupParameters([...pairs, ...more], { ...settings, loraPlusRatio: 16 }, 1).map(({ rateRatio, members }) => [
        rateRatio,
        members.length,
      ]),
    ).toEqual([
      [1, 2],
      [16, 2],
      [16, 2],
    ]);
  });

  it("leaves each parameter alone without parts, and where the rule sees whole matrices", () => {
    for (const [optimiser, alignment] of [
      ["adamw", undefined],
      ["adafactor", 16],
    ] as const)
      expect(groupParameters(pairs, { ...settings, optimiser }, alignment).map(describeGroup)).toEqual(
        pairs.map(({ name, shape }) => `${name} [${shape.join()}]: ${name} at 0`),
      );
  });

  it("opens another group at 2^25 elements, and leaves larger parameters alone", () => {
    const [half, whole] = [2 ** 12 * 2 ** 12, 2 ** 25];
    const groups = groupParameters(
      [matrix("a", 4096, 4096), matrix("b", 4096, 4096), matrix("huge", 8193, 4096), matrix("c", 4096, 4096)],
      settings,
      16,
    );
    expect(groups.map(describeGroup)).toEqual([
      `group.0 [${whole}]: a at 0, b at ${half}`,
      "huge [8193,4096]: huge at 0",
      "c [4096,4096]: c at 0",
    ]);
  });
});
