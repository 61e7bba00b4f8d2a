import type { Backend } from "@sft/kernels";
import { createRequire } from "node:module";
import { createNodeDevice, type NodeDeviceOptions } from "./nodeDevice.ts";
import { deviceKey, tileCacheFile } from "./tuning/tileCacheFile.ts";
import { createWebGpuBackend, type WebGpuBackendOptions } from "./webGpuBackend.ts";

export interface NodeBackendOptions extends NodeDeviceOptions, Pick<WebGpuBackendOptions, "maxBindingBytes" | "precision" | "profile"> {
  /**
   * Choose the tiles of products by timing them on first use (some 20 ms of device time a shape, and building the kernels), and keep
   * the choices in a file by adapter, driver and version of this package. Off by default, since another tile may add up a sum in
   * other parts: a run repeats to the bit only with the same choices.
   */
  readonly tuning?: TuningOptions | "off";
}

export interface TuningOptions {
  /** A JSON file, made with its folder where it is missing; processes may share it. */
  readonly cacheFile: string;
  /** Told in a sentence when the file is damaged, of another version or cannot be written, and of shapes that could not be timed. */
  readonly notice?: (text: string) => void;
}

/** A Backend on a GPU of this machine; `dispose` gives the device back. Fits `CreateBackend` of @sft/kernels. */
export async function createBackend({
  adapter,
  graphics,
  robust,
  tuning = "off",
  ...backendOptions
}: NodeBackendOptions = {}): Promise<Backend> {
  const given = {
    ...(adapter === undefined ? {} : { adapter }),
    ...(graphics === undefined ? {} : { graphics }),
    ...(robust === undefined ? {} : { robust }),
  };
  const { device, info } = await createNodeDevice(given);
  const tiles =
    tuning === "off"
      ? {}
      : { tiles: tileCacheFile({ path: tuning.cacheFile, notice: tuning.notice, version: ownVersion(), device: deviceKey(info) }) };
  return createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true, sleepsBeforeReads: true, ...tiles, ...backendOptions });
}

/** From package.json, which lies one folder up both in the source and in the build. */
function ownVersion(): string {
  return (createRequire(import.meta.url)("../package.json") as { version: string }).version;
}

export default createBackend;
