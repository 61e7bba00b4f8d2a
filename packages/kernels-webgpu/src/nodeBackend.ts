import type { Backend } from "@sft/kernels";
import { createNodeDevice, type NodeDeviceOptions } from "./nodeDevice.ts";
import { createWebGpuBackend, type WebGpuBackendOptions } from "./webGpuBackend.ts";

export interface NodeBackendOptions extends NodeDeviceOptions, Pick<WebGpuBackendOptions, "maxBindingBytes" | "precision" | "profile"> {}

/** A Backend on a GPU of this machine; `dispose` gives the device back. Fits `CreateBackend` of @sft/kernels. */
export async function createBackend({ adapter, graphics, robust, ...backendOptions }: NodeBackendOptions = {}): Promise<Backend> {
  const given = {
    ...(adapter === undefined ? {} : { adapter }),
    ...(graphics === undefined ? {} : { graphics }),
    ...(robust === undefined ? {} : { robust }),
  };
  const { device, info } = await createNodeDevice(given);
  return createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true, sleepsBeforeReads: true, ...backendOptions });
}

export default createBackend;
