import type { Backend, CreateBackend } from "@sft/kernels";
import { mayHaveGpu } from "./mayHaveGpu.ts";
import { setUpSoftwareGpu } from "./softwareGpu.ts";
import { loadBackendModule } from "./loadBackendModule.ts";

export interface BackendChoice {
  /** "auto", "cpu", "webgpu", an npm specifier or a path. */
  readonly backend: string;
  readonly threads?: number;
}

type Create = (options: { readonly threads?: number }) => Promise<Backend>;

/** The backends that come with sft; each is loaded only when chosen. */
const builtIn: Readonly<Record<string, () => Promise<Create>>> = {
  cpu: async () => (await import("@sft/kernels-cpu")).createBackend,
  webgpu: async () => createGpuBackend,
};

/**
 * Makes the backend that was asked for. "auto" takes a real GPU, else the CPU, and never a GPU in software.
 * @throws CliError "bad-backend" for a module that is none; BackendError "no-adapter" for webgpu without a GPU
 */
export async function selectBackend({ backend, threads }: BackendChoice, cwd: string): Promise<Backend> {
  const options = threads === undefined ? {} : { threads };
  if (backend === "auto") return (await realGpu()) ?? (await builtIn.cpu!())(options);
  const load = Object.hasOwn(builtIn, backend) ? builtIn[backend]! : (): Promise<CreateBackend> => loadBackendModule(backend, cwd);
  return (await load())(options);
}

/** A GPU of this machine; without one, the software GPU of a development checkout, with a word about it. */
const createGpuBackend: Create = async () => {
  const { createBackend } = await import("@sft/kernels-webgpu/node");
  if (!mayHaveGpu()) {
    const software = await setUpSoftwareGpu();
    if (software !== null) process.stderr.write(`no GPU found: running on ${software}, a GPU in software, for tests only\n`);
  }
  return createBackend({});
};

/** A backend on a GPU of hardware; null where there is none, whatever the reason. */
async function realGpu(): Promise<Backend | null> {
  if (!mayHaveGpu()) return null;
  try {
    const gpu = await (await builtIn.webgpu!())({});
    if (gpu.capabilities.hardwareAccelerated) return gpu;
    await gpu.dispose();
  } catch {
    // No adapter, no driver, or no build of Dawn for this system: the CPU serves.
  }
  return null;
}
