import { add, BackendError, scale, Tape, type Backend, type BackendBuffer } from "@sft/kernels";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBackend, createNodeDevice } from "./node.ts";
import { MAX_STAGING_BYTES } from "./stagingRing.ts";
import { bindTensors } from "./testing/boundTensors.ts";
import { fillStep, trainingStep, type TestModel } from "./testing/testProgram.ts";
import { describeOnGpu, testDeviceOptions } from "./testing/testDevice.ts";
import { createWebGpuBackend } from "./webGpuBackend.ts";

const vector = (length: number) => ({ shape: [length], dtype: "f32" as const });

/** y = 2 x, bound to buffers of its own. */
async function doubling(backend: Backend, length: number) {
  const tape = new Tape("doubling");
  tape.apply(scale, [tape.input("x", [length], "f32")], { factor: 2 }, [tape.output("y", [length])]);
  const bindings = new Map<string, BackendBuffer>([
    ["x", backend.allocate(vector(length))],
    ["y", backend.allocate(vector(length))],
  ]);
  return { executable: await backend.compile(tape.finish(), bindings), x: bindings.get("x")!, y: bindings.get("y")! };
}

describeOnGpu("backend", () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend(testDeviceOptions);
  });
  afterAll(async () => {
    await backend?.dispose();
  });

  it("says what it is", () => {
    expect(backend.capabilities).toMatchObject({ backend: "webgpu", float64: false, deterministic: true });
    expect(backend.capabilities.maxBindingBytes % 256).toBe(0);
    // SwiftShader computes on the processor; a real adapter named by SFT_EXPECT_ADAPTER does not.
    expect(backend.capabilities.hardwareAccelerated).toBe(!/swiftshader|llvmpipe/i.test(backend.capabilities.adapter));
  });

  it("gives zeros at first, and back what was uploaded, in parts too", async () => {
    const buffer = backend.allocate(vector(7));
    expect(await backend.download(buffer)).toEqual(new Float32Array(7));
    backend.upload(buffer, Float64Array.of(1.5, -2), 3);
    expect(await backend.download(buffer)).toEqual(Float32Array.of(0, 0, 0, 1.5, -2, 0, 0));
    expect(await backend.download(buffer, 3, 2)).toEqual(Float32Array.of(1.5, -2));
    expect(await backend.download(buffer, 7)).toEqual(new Float32Array(0));
    backend.free(buffer);
  });

  it("moves more than one part of a staging buffer", async () => {
    const length = MAX_STAGING_BYTES / 4 + 5;
    const data = Float32Array.from({ length }, (_, index) => index % 1_000_003);
    const buffer = backend.allocate(vector(length));
    backend.upload(buffer, data);
    const back = await backend.download(buffer);
    expect(Buffer.compare(new Uint8Array(back.buffer as ArrayBuffer), new Uint8Array(data.buffer))).toBe(0);
    backend.free(buffer);
  });

  it("keeps 2-byte elements at odd lengths", async () => {
    const buffer = backend.allocate({ shape: [5], dtype: "bf16" });
    backend.upload(buffer, Uint16Array.of(1, 2, 3, 4, 5));
    expect(await backend.download(buffer)).toEqual(Uint16Array.of(1, 2, 3, 4, 5));
    expect(await backend.download(buffer, 1, 3)).toEqual(Uint16Array.of(2, 3, 4));
    expect(() => backend.upload(buffer, Uint16Array.of(9), 1)).toThrow("whole words");
    backend.free(buffer);
  });

  it("queues uploads, runs and downloads in call order", async () => {
    const { executable, x, y } = await doubling(backend, 3);
    const results: Promise<unknown>[] = [];
    for (const value of [1, 2, 3]) {
      backend.upload(x, Float32Array.of(value, value, value));
      backend.run(executable);
      results.push(backend.download(y));
    }
    expect(await Promise.all(results)).toEqual([2, 4, 6].map((value) => new Float32Array(3).fill(value)));
    backend.free(executable);
  });

  it("refuses what was freed, and what is a stranger's", async () => {
    const { executable, x, y } = await doubling(backend, 3);
    backend.free(x);
    expect(() => backend.upload(x, new Float32Array(3))).toThrow(expect.objectContaining({ code: "buffer-freed" }));
    await expect(backend.download(x)).rejects.toMatchObject({ code: "buffer-freed" });
    expect(() => backend.free(x)).toThrow(expect.objectContaining({ code: "buffer-freed" }));
    expect(() => backend.run(executable)).toThrow("program doubling was run after the buffer of x was freed");
    backend.free(executable);
    expect(() => backend.run(executable)).toThrow("program doubling was run after it was freed");
    expect(() => backend.upload({ dtype: "f32", length: 3 }, new Float32Array(3))).toThrow(expect.objectContaining({ code: "bad-buffer" }));
    backend.free(y);
  });

  it("refuses data of another type or outside the buffer", async () => {
    const buffer = backend.allocate(vector(4));
    expect(() => backend.upload(buffer, Int32Array.of(1))).toThrow("a buffer of f32 takes Float32Array or Float64Array, got Int32Array");
    expect(() => backend.upload(buffer, new Float32Array(3), 2)).toThrow("upload of 3 elements at 2: the buffer holds 4");
    await expect(backend.download(buffer, 2, 3)).rejects.toThrow("download of 3 elements at 2: the buffer holds 4");
    backend.free(buffer);
  });

  it("names the tensor that is not bound, or bound to too little", async () => {
    const tape = new Tape("sum");
    tape.apply(add, [tape.input("a", [4], "f32"), tape.input("b", [4], "f32")], {}, [tape.output("y", [4])]);
    const [four, three] = [backend.allocate(vector(4)), backend.allocate(vector(3))];
    await expect(
      backend.compile(
        tape.finish(),
        new Map([
          ["a", four],
          ["b", four],
        ]),
      ),
    ).rejects.toMatchObject({ code: "unbound-tensor", message: "program sum: no buffer is bound to y" });
    await expect(
      backend.compile(
        tape.finish(),
        new Map([
          ["a", four],
          ["b", three],
          ["y", four],
        ]),
      ),
    ).rejects.toMatchObject({ code: "bad-buffer", message: expect.stringContaining("b needs 4 f32, its buffer holds 3 f32") });
  });

  it("throws out-of-memory with the bytes when no buffer can be so large", () => {
    const elements = 2 ** 48;
    expect(() => backend.allocate(vector(elements))).toThrow(
      expect.objectContaining({
        code: "out-of-memory",
        message: expect.stringContaining(`allocating ${4 * elements} bytes for f32[${elements}]`),
      }),
    );
  });

  it("gives the same bits on every run of a training step", async () => {
    const model: TestModel = { batch: 3, tokens: 17, width: 16, vocabulary: 67, supervised: 20 };
    const program = trainingStep(model);
    const results: unknown[] = [];
    for (let repeat = 0; repeat < 2; repeat++) {
      const bindings = bindTensors(backend, program, (tensor) => fillStep(model, tensor));
      const executable = await backend.compile(program, bindings);
      expect(executable.scratchBytes).toBeGreaterThan(0);
      backend.run(executable);
      backend.run(executable);
      results.push(await Promise.all([...bindings.values()].map((buffer) => backend.download(buffer))));
      for (const resource of [executable, ...bindings.values()]) backend.free(resource);
    }
    expect(results[1]).toEqual(results[0]);
  });
});

describeOnGpu("lost device", () => {
  it("rejects what waits, throws from what does not, and says so once", async () => {
    const { device, info } = await createNodeDevice(testDeviceOptions);
    const backend = await createWebGpuBackend({ device, adapterInfo: info });
    const { executable, y } = await doubling(backend, 3);
    backend.run(executable);
    const pending = backend.download(y).catch((error: unknown) => error);
    device.destroy();
    expect(await backend.lost).toMatchObject({ reason: "destroyed" });
    const early = await pending;
    if (early instanceof Error) expect(early).toMatchObject({ code: "device-lost" });
    await expect(backend.sync()).rejects.toMatchObject({ code: "device-lost" });
    await expect(backend.download(y)).rejects.toMatchObject({ code: "device-lost" });
    expect(() => backend.run(executable)).toThrow(expect.objectContaining({ code: "device-lost" }));
  });

  it("is what a disposed backend answers with", async () => {
    const backend = await createBackend(testDeviceOptions);
    await backend.dispose();
    await backend.dispose();
    expect(await backend.lost).toMatchObject({ reason: "destroyed" });
    expect(() => backend.allocate(vector(1))).toThrow(BackendError);
    await expect(backend.sync()).rejects.toMatchObject({ code: "device-lost" });
  });
});
