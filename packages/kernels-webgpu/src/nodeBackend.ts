import type { Backend } from "@sft/kernels";
import { createNodeDevice, type NodeDeviceOptions } from "./nodeDevice.ts";
import { createWebGpuBackend, type Precision } from "./webGpuBackend.ts";

export interface NodeBackendOptions extends NodeDeviceOptions {
  /** Artificial limit on the bytes of one binding, for tests. */
  readonly maxBindingBytes?: number;
  /** "mixed": products on float16 matrix units where the adapter has them. Default "float32". */
  readonly precision?: Precision;
}

/** A Backend on a GPU of this machine; `dispose` gives the device back. Fits `CreateBackend` of @sft/kernels. */
export async function createBackend({ maxBindingBytes, precision, ...deviceOptions }: NodeBackendOptions = {}): Promise<Backend> {
  const { device, info } = await createNodeDevice(deviceOptions);
  return createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true, ...(maxBindingBytes === undefined ? {} : { maxBindingBytes }), ...(precision === undefined ? {} : { precision }) });
}

export default createBackend;
