import { createBackend } from "@sft/kernels-cpu";
import type { Backend } from "@sft/kernels";
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { testFolder } from "../testing/testFolder.ts";
import { selectBackend } from "./selectBackend.ts";

const gpu = vi.hoisted(() => ({ create: async (_options?: object): Promise<unknown> => undefined, mayHave: true }));
vi.mock("@sft/kernels-webgpu/node", () => ({ createBackend: (options: object) => gpu.create(options) }));
vi.mock("./mayHaveGpu.ts", () => ({ mayHaveGpu: () => gpu.mayHave }));

const made: Backend[] = [];
afterEach(async () => {
  for (const backend of made.splice(0)) await backend.dispose();
});

async function fakeGpu(hardwareAccelerated: boolean): Promise<Backend> {
  const inner = await createBackend({ threads: 1 });
  return { ...inner, dispose: () => inner.dispose(), capabilities: { ...inner.capabilities, backend: "webgpu", hardwareAccelerated } };
}

async function chosen(cwd = "/"): Promise<string> {
  const backend = await selectBackend({ backend: "auto", threads: 1 }, cwd);
  made.push(backend);
  return backend.capabilities.backend;
}

test("the CPU gets at most as many threads as there are cores, with a word about it", async () => {
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const cores = availableParallelism();
  const used = async (threads: number): Promise<string> => {
    const backend = await selectBackend({ backend: "cpu", threads }, "/");
    made.push(backend);
    return backend.capabilities.adapter;
  };
  expect(await used(1)).toContain("1 thread");
  expect(said).not.toHaveBeenCalled();
  expect(await used(cores + 200)).toBe(`CPU, float32, ${cores === 1 ? "1 thread" : `${cores} threads`}`);
  expect(said).toHaveBeenCalledWith(expect.stringMatching(new RegExp(`^note: threads ${cores + 200} is more than .*: ${cores} used\n$`)));
  said.mockRestore();
});

test("SFT_THREADS beyond the cores is cut to them with a word, and one that is no number is refused by name", async () => {
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const cores = availableParallelism();
  const adapter = async (text: string): Promise<string> => {
    vi.stubEnv("SFT_THREADS", text);
    const backend = await selectBackend({ backend: "cpu" }, "/");
    made.push(backend);
    return backend.capabilities.adapter;
  };
  try {
    expect(await adapter("1")).toContain("1 thread");
    expect(said).not.toHaveBeenCalled();
    expect(await adapter("100000")).toContain(cores === 1 ? "1 thread" : `${cores} threads`);
    expect(said).toHaveBeenCalledWith(expect.stringMatching(new RegExp(`^note: SFT_THREADS 100000 is more than .*: ${cores} used\n$`)));
    await expect(adapter("many")).rejects.toMatchObject({ code: "bad-option", message: expect.stringContaining("SFT_THREADS") });
  } finally {
    vi.unstubAllEnvs();
    said.mockRestore();
  }
});

test("auto takes a GPU of hardware", async () => {
  gpu.create = () => fakeGpu(true);
  expect(await chosen()).toBe("webgpu");
});

test("auto never takes a GPU in software, and gives it back", async () => {
  let disposed = false;
  gpu.create = async () => {
    const software = await fakeGpu(false);
    return { ...software, dispose: () => ((disposed = true), software.dispose()) };
  };
  expect(await chosen()).toBe("cpu");
  expect(disposed).toBe(true);
});

test("auto takes the CPU where the GPU cannot be opened", async () => {
  gpu.create = () => Promise.reject(new Error("no driver"));
  expect(await chosen()).toBe("cpu");
});

test("webgpu by name says why there is none", async () => {
  gpu.create = () => Promise.reject(new Error("no driver"));
  await expect(selectBackend({ backend: "webgpu" }, "/")).rejects.toThrow("no driver");
});

const withoutLastMethods =
  "capabilities: { backend: 'mine', ops: new Set() }, lost: new Promise(() => {}), allocate() {}, free() {}, upload() {}";

test("a package is looked for from the working directory", async () => {
  const folder = await testFolder();
  const home = join(folder, "node_modules/my-backend");
  await mkdir(home, { recursive: true });
  await writeFile(join(home, "package.json"), JSON.stringify({ name: "my-backend", type: "module", main: "index.js" }));
  await writeFile(
    join(home, "index.js"),
    `export default async () => ({ ${withoutLastMethods}, download() {}, compile() {}, run() {}, sync() {}, dispose() {} });\n`,
  );
  expect((await selectBackend({ backend: "my-backend" }, folder)).capabilities.backend).toBe("mine");
  await expect(selectBackend({ backend: "webgup" }, folder)).rejects.toThrow("Did you mean webgpu?");
});

test("a GPU is tuned when that was asked for, and not otherwise", async () => {
  const given: object[] = [];
  gpu.mayHave = true;
  gpu.create = (options) => (given.push(options!), fakeGpu(true));
  for (const autotune of [true, false]) made.push(await selectBackend({ backend: "auto", autotune }, "/"));
  expect(given).toEqual([{ tuning: { cacheFile: expect.stringMatching(/tiles\.json$/), notice: expect.any(Function) } }, {}]);
});

test("a backend of another's that cannot be made is told from a fault of sft", async () => {
  const folder = await testFolder();
  await writeFile(join(folder, "broken.mjs"), 'export const createBackend = () => { throw new Error("no driver"); };');
  await expect(selectBackend({ backend: "./broken.mjs" }, folder)).rejects.toMatchObject({
    code: "bad-backend",
    message: expect.stringContaining("--backend ./broken.mjs: its createBackend failed: no driver") as string,
  });
});

test.each([
  ["", "capabilities.ops, lost, allocate, free, upload, download, compile, run, sync, dispose"],
  [
    "capabilities: { ops: new Set() }, lost: new Promise(() => {}), allocate() {}, free() {}, upload() {}",
    "download, compile, run, sync, dispose",
  ],
])("what is no backend is refused with what it lacks: { %s }", async (parts, missing) => {
  const folder = await testFolder();
  await writeFile(join(folder, "partial.mjs"), `export default async () => ({ ${parts} });`);
  await expect(selectBackend({ backend: "./partial.mjs" }, folder)).rejects.toMatchObject({
    code: "bad-backend",
    message: expect.stringContaining(`--backend ./partial.mjs: what its createBackend gives is no Backend: it lacks ${missing}.`) as string,
  });
});
