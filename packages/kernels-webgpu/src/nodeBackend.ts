import type { Backend } from "@sft/kernels";
import { createNodeDevice, type NodeDeviceOptions } from "./nodeDevice.ts";
import { createWebGpuBackend } from "./webGpuBackend.ts";

export interface NodeBackendOptions extends NodeDeviceOptions {
  /** Artificial limit on the bytes of one binding, for tests. */
  readonly maxBindingBytes?: number;
}

/** A Backend on a GPU of this machine; `dispose` gives the device back. Fits `CreateBackend` of @sft/kernels. */
export async function createBackend({ maxBindingBytes, ...deviceOptions }: NodeBackendOptions = {}): Promise<Backend> {
  const { device, info } = await createNodeDevice(deviceOptions);
  return createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true, ...(maxBindingBytes === undefined ? {} : { maxBindingBytes }) });
}

export default createBackend;
