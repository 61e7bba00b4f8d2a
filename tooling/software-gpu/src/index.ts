export { SoftwareGpuError } from "./softwareGpuError.ts";
export { useSoftwareGpu, type SoftwareGpu } from "./softwareGpu.ts";
export { expectedAdapter, type AdapterExpectation } from "./expectedAdapter.ts";
