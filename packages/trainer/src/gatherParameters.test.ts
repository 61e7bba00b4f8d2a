import type { BackendBuffer } from "@sft/kernels";
import type { LanguageModel } from "@sft/model";
import { afterAll, beforeAll, expect, it } from "vitest";
import { gatherParameters } from "./gatherParameters.ts";
import { groupParameters, type ParameterGroup } from "./parameterGroups.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";
import { loadTinyModel } from "./testing/tinyModel.ts";
import { trainableParameters } from "./trainableParameters.ts";

const settings: TrainingSettings = { ...defaultSettings, method: "full", maxSteps: 1, weightDecay: 0 };

let model: LanguageModel;
beforeAll(async () => void (model = await loadTinyModel()));
afterAll(() => model.backend.dispose());

const groupsOf = (change: Partial<TrainingSettings>): readonly ParameterGroup[] => {
  const wanted = { ...settings, ...change };
  return groupParameters(trainableParameters(model, wanted), wanted, model.backend.capabilities.partAlignment);
};

async function gather(groups: readonly ParameterGroup[]): Promise<readonly BackendBuffer[]> {
  const wholes: BackendBuffer[] = [];
  for (const group of groups) wholes.push(await gatherParameters(model, group));
  return wholes;
}

async function values(): Promise<ReadonlyMap<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for (const { name } of model.parameters) all.set(name, await model.download(name));
  return all;
}

it("moves parameters with their values, once, and gives back what no parameter is left in", async () => {
  const before = await values();
  const [whole, ...rest] = await gather(groupsOf({}));
  expect(rest).toEqual([]);
  expect(await values()).toEqual(before);
  for (const { name } of model.parameters) expect(model.buffers.get(name)!.part?.of, name).toBe(whole);

  expect(await gather(groupsOf({}))).toEqual([whole]);

  // Matrices and vectors apart: all of them move on.
  const apart = await gather(groupsOf({ weightDecay: 0.1 }));
  expect(apart.length).toBe(2);
  expect(await values()).toEqual(before);
  await expect(model.backend.download(whole!)).rejects.toMatchObject({ code: "buffer-freed" });

  // Half of the matrices move, the others stay where they are, and so does the buffer that they share.
  const [some] = await gather(groupsOf({ weightDecay: 0.1, frozenParameters: ["model.layers.0."] }));
  expect(model.buffers.get("model.layers.1.mlp.up_proj.weight")!.part?.of).toBe(some);
  expect(model.buffers.get("model.layers.0.mlp.up_proj.weight")!.part?.of).toBe(apart[0]);
  expect(await values()).toEqual(before);
});
