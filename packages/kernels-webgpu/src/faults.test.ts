import { expect, it } from "vitest";
import { DeviceFaults } from "./deviceFaults.ts";
import { defineKernel } from "./kernel.ts";
import { createNodeDevice } from "./node.ts";
import { PipelineCache } from "./pipelineCache.ts";
import { createWebGpuBackend } from "./webGpuBackend.ts";
import { describeOnGpu, testDeviceOptions } from "./testing/testDevice.ts";

/** A device that answers every error scope with out of memory. */
class GPUOutOfMemoryError extends Error {}
function exhaustedDevice(): GPUDevice {
  const filters: string[] = [];
  return {
    lost: new Promise(() => {}),
    addEventListener() {},
    pushErrorScope: (filter: string) => filters.push(filter),
    popErrorScope: async () => (filters.pop() === "out-of-memory" ? new GPUOutOfMemoryError("no device memory") : null),
  } as unknown as GPUDevice;
}

it("turns an out-of-memory scope into an error that names the bytes", async () => {
  const faults = new DeviceFaults(exhaustedDevice());
  await expect(faults.scoped("allocating 4096 bytes for f32[1024]", () => {})).rejects.toMatchObject({
    code: "out-of-memory",
    message: expect.stringContaining("allocating 4096 bytes for f32[1024]: no device memory"),
    hint: expect.stringContaining("smaller batch"),
  });
});

describeOnGpu("faults", () => {
  it("quote line, column and the numbered WGSL of a kernel that does not compile", async () => {
    const { device } = await createNodeDevice(testDeviceOptions);
    const cache = new PipelineCache(device, new DeviceFaults(device));
    const broken = defineKernel({
      label: "broken",
      workgroupSize: [1, 1],
      bindings: { y: "read_write f32" },
      parameters: {},
      body: "  y[0] = missing;",
    });
    await expect(cache.get(broken)).rejects.toMatchObject({
      code: "shader-compile",
      message: expect.stringMatching(/the kernel broken does not compile\nline 5, column 10: .*missing/),
      hint: expect.stringContaining("   5 |   y[0] = missing;"),
    });
    device.destroy();
  });

  it("of the device that nobody waited for are thrown by the next call", async () => {
    const { device, info } = await createNodeDevice(testDeviceOptions);
    const backend = await createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true });
    device.createBuffer({ size: 16, usage: 0x01 | 0x02 }); // MAP_READ and MAP_WRITE together are not allowed.
    await expect(backend.sync()).rejects.toMatchObject({ code: "device-error" });
    await backend.sync();
    await backend.dispose();
  });

  it("of a name that no adapter has say what to look at", async () => {
    await expect(createNodeDevice({ adapter: "no such adapter" })).rejects.toMatchObject({
      code: "no-adapter",
      message: expect.stringContaining('no WebGPU adapter named "no such adapter" was found'),
      hint: expect.stringContaining("cpu backend"),
    });
  });
});
