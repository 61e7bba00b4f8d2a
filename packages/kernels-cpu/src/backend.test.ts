import { add, type Backend, type BackendBuffer, type Program, Tape } from "@sft/kernels";
import { afterEach, describe, expect, it } from "vitest";
import { type CpuBackendOptions, createCpuBackend } from "./backend.ts";

const opened: Backend[] = [];
async function open(options: CpuBackendOptions = {}): Promise<Backend> {
  const backend = await createCpuBackend({ threads: 1, ...options });
  opened.push(backend);
  return backend;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((backend) => backend.dispose()));
});

/** y = ((x + x) + x) + ..., `terms` additions over `length` elements. */
function sumProgram(length: number, terms = 1): Program {
  const tape = new Tape("sum");
  const x = tape.external("x", "input", [length], "f32");
  let sum = x;
  for (let term = 1; term < terms; term++) sum = tape.add(sum, x);
  tape.apply(add, [sum, x], {}, [tape.output("y", [length])]);
  return tape.finish();
}

async function compiled(
  backend: Backend,
  length: number,
  terms = 1,
): Promise<{ bindings: Map<string, BackendBuffer>; executable: Awaited<ReturnType<Backend["compile"]>> }> {
  const bindings = new Map(["x", "y"].map((name) => [name, backend.allocate({ shape: [length], dtype: "f32" })]));
  return { bindings, executable: await backend.compile(sumProgram(length, terms), bindings) };
}

describe("buffers", () => {
  it("start as zeros, also where another one has been", async () => {
    const backend = await open();
    const first = backend.allocate({ shape: [100], dtype: "f32" });
    backend.upload(first, new Float32Array(100).fill(7));
    backend.free(first);
    expect(await backend.download(backend.allocate({ shape: [90], dtype: "f32" }))).toEqual(new Float32Array(90));
  });

  it("take and give ranges, each dtype in its own array", async () => {
    const backend = await open();
    const floats = backend.allocate({ shape: [4], dtype: "f32" });
    backend.upload(floats, Float64Array.of(0.1, 2), 1);
    expect(await backend.download(floats, 1, 2)).toEqual(Float32Array.of(0.1, 2));
    const halves = backend.allocate({ shape: [2], dtype: "f16" });
    backend.upload(halves, Uint16Array.of(1, 65535));
    expect(await backend.download(halves)).toEqual(Uint16Array.of(1, 65535));
    expect(() => backend.upload(floats, Int32Array.of(1))).toThrow(expect.objectContaining({ code: "bad-buffer" }));
    expect(() => backend.upload(floats, Float32Array.of(1, 2), 3)).toThrow(/elements 3 to 5 are not inside a buffer of 4/);
  });

  it("are refused once freed, and by another backend", async () => {
    const [backend, other] = [await open(), await open()];
    const { bindings, executable } = await compiled(backend, 8);
    const x = bindings.get("x")!;
    expect(() => other.upload(x, new Float32Array(8))).toThrow(expect.objectContaining({ code: "bad-buffer" }));
    expect(() => other.run(executable)).toThrow(expect.objectContaining({ code: "bad-buffer" }));
    backend.free(x);
    expect(() => backend.upload(x, new Float32Array(8))).toThrow(expect.objectContaining({ code: "buffer-freed" }));
    expect(() => backend.run(executable)).toThrow(expect.objectContaining({ code: "buffer-freed" }));
  });
});

describe("memory", () => {
  it("ends with a typed error and leaves everything usable", async () => {
    const backend = await open({ memoryBytes: 2 ** 20 });
    const { bindings, executable } = await compiled(backend, 1000, 3);
    expect(() => backend.allocate({ shape: [2 ** 20], dtype: "f32" })).toThrow(
      expect.objectContaining({ code: "out-of-memory", hint: expect.stringContaining("memoryBytes") }),
    );
    const big = new Map(["x", "y"].map((name) => [name, backend.allocate({ shape: [50_000], dtype: "f32" })]));
    await expect(
      backend.compile(sumProgram(50_000, 3), big).then((one) => {
        for (let copies = 0; copies < 8; copies++) backend.allocate({ shape: [50_000], dtype: "f32" });
        return one;
      }),
    ).rejects.toMatchObject({ code: "out-of-memory" });
    backend.upload(bindings.get("x")!, new Float32Array(1000).fill(2));
    backend.run(executable);
    expect((await backend.download(bindings.get("y")!))[999]).toBe(8);
  });

  it("is used again: a thousand programs and buffers need no more than one", async () => {
    const backend = await open({ memoryBytes: 2 ** 20 });
    for (let round = 0; round < 1000; round++) {
      const { bindings, executable } = await compiled(backend, 10_000 + 37 * (round % 11), 4);
      backend.free(executable);
      for (const buffer of bindings.values()) backend.free(buffer);
    }
  });

  it("of activations is shared: a later, larger program moves the earlier one, which still computes", async () => {
    const backend = await open();
    const small = await compiled(backend, 10, 4);
    backend.upload(small.bindings.get("x")!, new Float32Array(10).fill(1));
    backend.run(small.executable);
    const large = await compiled(backend, 100_000, 4);
    backend.upload(large.bindings.get("x")!, new Float32Array(100_000).fill(2));
    backend.run(large.executable);
    backend.run(small.executable);
    expect((await backend.download(small.bindings.get("y")!))[9]).toBe(5);
    expect((await backend.download(large.bindings.get("y")!))[99_999]).toBe(10);
    expect(small.executable.scratchBytes).toBeLessThan(large.executable.scratchBytes);
  });
});

describe("programs", () => {
  it("need every external tensor, of its size", async () => {
    const backend = await open();
    const x = backend.allocate({ shape: [8], dtype: "f32" });
    await expect(backend.compile(sumProgram(8), new Map([["x", x]]))).rejects.toMatchObject({
      code: "unbound-tensor",
      message: expect.stringContaining("output y, f32[8]"),
    });
    await expect(
      backend.compile(
        sumProgram(9),
        new Map([
          ["x", x],
          ["y", x],
        ]),
      ),
    ).rejects.toMatchObject({ code: "bad-buffer", message: expect.stringContaining("f32[9]") });
  });
});

it("refuses work after dispose and resolves lost", async () => {
  const backend = await open();
  await backend.dispose();
  await expect(backend.lost).resolves.toMatchObject({ reason: "destroyed" });
  expect(() => backend.allocate({ shape: [1], dtype: "f32" })).toThrow(expect.objectContaining({ code: "device-lost" }));
  await expect(backend.sync()).rejects.toMatchObject({ code: "device-lost" });
});

it("refuses a number of threads that is none", async () => {
  await expect(createCpuBackend({ threads: 0 })).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringContaining("got 0"),
  });
});
