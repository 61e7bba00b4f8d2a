import { BackendError } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { parseProductClass, type ProductClass } from "../ops/matmul/productClass.ts";
import { productProgram, repeatsWithin } from "./measureProduct.ts";
import { TileTuner, type MeasureTile, type TileChoices, type TileStore } from "./tileTuner.ts";

const limits: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152 };
const product = (m: number, n: number, k: number): ProductClass => parseProductClass(`nt f32 f32 f32 ${m}x${n}x${k}`)!;
const times: Readonly<Record<string, number>> = { square: 4, large: 3, whole: 2, fewRows: 1 };

function tunerWith(kept: TileChoices, measure: MeasureTile) {
  const heard = { measured: [] as string[], saved: [] as TileChoices[], notices: [] as string[] };
  const store: TileStore = {
    load: async () => kept,
    save: async (choices) => void heard.saved.push(choices),
    notice: (text) => void heard.notices.push(text),
  };
  const tuner = new TileTuner(limits, store, (one, tile, budget) => {
    heard.measured.push(`${one.m}x${one.n}x${one.k} ${tile}`);
    return measure(one, tile, budget);
  });
  return { tuner, ...heard };
}

it("times each candidate of a class once, and keeps the fastest", async () => {
  const { tuner, measured, saved } = tunerWith({}, async (_, tile) => times[tile]!);
  await Promise.all([tuner.prepare(productProgram(product(256, 256, 64))), tuner.prepare(productProgram(product(200, 256, 64)))]);
  expect(measured).toEqual(["256x256x64 square", "256x256x64 large", "256x256x64 whole"]);
  expect(Object.fromEntries(tuner.tiles)).toEqual({ "nt f32 f32 f32 256x256x64": "whole" });
  expect(saved).toEqual([{ "nt f32 f32 f32 256x256x64": "whole" }]);
});

it("times nothing that is kept, and again what cannot be this device's", async () => {
  const kept = { "nt f32 f32 f32 256x256x64": "large", "nt f32 f32 f32 8x256x64": "whole", nonsense: "square" };
  const { tuner, measured, notices } = tunerWith(kept, async (_, tile) => times[tile]!);
  await tuner.prepare(productProgram(product(256, 256, 64)));
  expect(measured).toEqual([]);
  expect(notices).toEqual(["2 kept tiles are none of this device's: measured anew"]);
  await tuner.prepare(productProgram(product(8, 256, 64)));
  expect(measured).toEqual(["8x256x64 fewRows", "8x256x64 square"]);
  expect(tuner.tiles.get("nt f32 f32 f32 8x256x64")).toBe("fewRows");
});

it("leaves products to the tables that have one tile, or would need a gibibyte", async () => {
  const { tuner, measured, saved } = tunerWith({}, async () => 1);
  await tuner.prepare(productProgram(product(8192, 8192, 32768)));
  expect([measured, saved, tuner.tiles.size]).toEqual([[], [], 0]);
});

it("keeps the table's tile where memory does not suffice, says so, and does not write that down", async () => {
  const { tuner, saved, notices } = tunerWith({}, async ({ m }, tile) => {
    if (m > 8) throw new Error("no memory");
    return times[tile]!;
  });
  await tuner.prepare(productProgram(product(256, 256, 64)));
  expect(Object.fromEntries(tuner.tiles)).toEqual({ "nt f32 f32 f32 256x256x64": "square" });
  expect(saved).toEqual([]);
  expect(notices).toEqual(["tiles of nt f32 f32 f32 256x256x64 could not be timed (no memory); it keeps the tile square"]);
  await tuner.prepare(productProgram(product(8, 256, 64)));
  expect(saved).toEqual([{ "nt f32 f32 f32 8x256x64": "fewRows" }]);
});

it("throws when the device is lost, and tries again for the next program", async () => {
  let lost = true;
  const { tuner } = tunerWith({}, async (_, tile) => {
    if (lost) throw new BackendError("device-lost", "the GPU device was lost");
    return times[tile]!;
  });
  await expect(tuner.prepare(productProgram(product(8, 256, 64)))).rejects.toThrow("device was lost");
  lost = false;
  await tuner.prepare(productProgram(product(8, 256, 64)));
  expect(tuner.tiles.get("nt f32 f32 f32 8x256x64")).toBe("fewRows");
});

it("repeats a run as often as its budget allows", () => {
  expect([repeatsWithin(20, 0), repeatsWithin(20, 4), repeatsWithin(20, 30), repeatsWithin(20, 1)]).toEqual([9, 4, 1, 9]);
});
