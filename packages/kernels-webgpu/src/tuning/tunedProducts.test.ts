import type { BackendBuffer } from "@sft/kernels";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBackend, createNodeDevice } from "../node.ts";
import type { ProductClass } from "../ops/matmul/productClass.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";
import { createWebGpuBackend } from "../webGpuBackend.ts";
import { productProgram } from "./measureProduct.ts";
import type { TileChoices } from "./tileTuner.ts";

const product = (m: number, n: number, k: number, transposeA: boolean, transposeB: boolean): ProductClass => ({
  m,
  n,
  k,
  transposeA,
  transposeB,
  a: "f32",
  b: "f32",
  y: "f32",
  matrixUnits: false,
});

const values = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => Math.sin(index * 12.9898 + seed) * ((index % 7) - 3) * 0.25);

/** Largest |y - float64| beside the bound k 2^-24 sum |a b| of a float32 sum in any order, both of the worst element. */
async function worstShareOfBound(backend: Awaited<ReturnType<typeof createBackend>>, one: ProductClass): Promise<number> {
  const { m, n, k, transposeA, transposeB } = one;
  const program = productProgram(one);
  const buffers = new Map<string, BackendBuffer>(program.tensors.map((tensor) => [tensor.name, backend.allocate(tensor)]));
  const [a, b] = [values(m * k, 1), values(k * n, 2)];
  backend.upload(buffers.get("a")!, a);
  backend.upload(buffers.get("b")!, b);
  const executable = await backend.compile(program, buffers);
  backend.run(executable);
  const y = await backend.download(buffers.get("y")!);
  for (const buffer of buffers.values()) backend.free(buffer);
  backend.free(executable);
  let worst = 0;
  for (let row = 0; row < m; row++)
    for (let column = 0; column < n; column++) {
      let [sum, magnitude] = [0, 0];
      for (let d = 0; d < k; d++) {
        const term = a[transposeA ? d * m + row : row * k + d]! * b[transposeB ? column * k + d : d * n + column]!;
        sum += term;
        magnitude += Math.abs(term);
      }
      worst = Math.max(worst, Math.abs(Number(y[row * n + column]) - sum) / (k * 2 ** -24 * magnitude));
    }
  return worst;
}

describeOnGpu("tuned products", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sft-tuned-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ["square", "nt f32 f32 f32 128x128x48", product(100, 128, 48, false, true)],
    ["large", "nn f32 f32 f32 128x128x48", product(100, 128, 48, false, false)],
    ["whole", "tn f32 f32 f32 128x128x64", product(128, 128, 48, true, false)],
    ["fewRows", "nn f32 f32 f32 16x60x40", product(13, 60, 40, false, false)],
    ["fewColumns", "tn f32 f32 f32 60x16x64", product(60, 16, 40, true, false)],
    ["square", "nn f32 f32 f32 16x60x40", product(13, 60, 40, false, false)],
    ["fewRows", "nt f32 f32 f32 64x72x40", product(50, 72, 40, false, true)],
    ["fewColumns", "nt f32 f32 f32 128x44x40", product(70, 44, 40, false, true)],
  ])("are right with the tile %s for %s", async (tile, name, one) => {
    const { device, info } = await createNodeDevice(testDeviceOptions);
    const saved: TileChoices[] = [];
    const tiles = {
      load: async () => ({ [name]: tile }),
      save: async (choices: TileChoices) => void saved.push(choices),
      notice: () => undefined,
    };
    const backend = await createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true, tiles });
    expect(await worstShareOfBound(backend, one)).toBeLessThan(1);
    await backend.dispose();
    // Nothing was timed: the tile is the one that was kept.
    expect(saved).toEqual([]);
  });

  it("are timed by the processor's clock where the device has none", async () => {
    const { device, info } = await createNodeDevice(testDeviceOptions);
    Object.defineProperty(device, "features", { value: new Set([...device.features].filter((name) => name !== "timestamp-query")) });
    expect(device.features.has("timestamp-query")).toBe(false);
    const saved: TileChoices[] = [];
    const tiles = { load: async () => ({}), save: async (choices: TileChoices) => void saved.push(choices), notice: expect.unreachable };
    const backend = await createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true, tiles });
    expect(await worstShareOfBound(backend, product(13, 60, 40, false, false))).toBeLessThan(1);
    await backend.dispose();
    expect(saved.map((choices) => Object.keys(choices))).toEqual([["nn f32 f32 f32 16x60x40"]]);
  });

  it("are timed on the device once, and then taken from the file", async () => {
    const cacheFile = join(folder, "kernels", "tiles.json");
    const one = product(100, 128, 48, false, true);
    const notices: string[] = [];
    const tuning = { cacheFile, notice: (text: string) => void notices.push(text) };
    const first = await createBackend({ ...testDeviceOptions, tuning });
    expect(await worstShareOfBound(first, one)).toBeLessThan(1);
    await first.dispose();
    const text = await readFile(cacheFile, "utf8");
    const [choices] = Object.values((JSON.parse(text) as { devices: Record<string, TileChoices> }).devices);
    expect(Object.keys(choices!)).toEqual(["nt f32 f32 f32 128x128x48"]);
    const second = await createBackend({ ...testDeviceOptions, tuning });
    expect(await worstShareOfBound(second, one)).toBeLessThan(1);
    await second.dispose();
    expect(await readFile(cacheFile, "utf8")).toBe(text);
    expect(notices).toEqual([]);
  });
});
