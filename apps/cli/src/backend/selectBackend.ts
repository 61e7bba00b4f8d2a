import type { Backend, CreateBackend } from "@sft/kernels";
import type { KernelTiming } from "@sft/kernels-webgpu/node";
import { homedir } from "node:os";
import { mayHaveGpu } from "./mayHaveGpu.ts";
import { setUpSoftwareGpu } from "./softwareGpu.ts";
import { loadBackendModule } from "./loadBackendModule.ts";
import { tileCachePath } from "./tileCachePath.ts";
import { usableThreads } from "./usableThreads.ts";

export interface BackendChoice {
  /** "auto", "cpu", "webgpu", an npm specifier or a path. */
  readonly backend: string;
  readonly threads?: number;
  /** "mixed": products in float16 with float32 sums, where the GPU has matrix units; other backends compute in float32 all the same. */
  readonly precision?: "float32" | "mixed" | undefined;
  /** Choose tiles of products on a GPU by timing them; see `tuning` of @sft/kernels-webgpu. Other backends have nothing to tune. */
  readonly autotune?: boolean | undefined;
  /** Told the time of every kernel launch on a GPU; see `profile` of @sft/kernels-webgpu. */
  readonly profile?: (timings: readonly KernelTiming[]) => void;
}

type Create = (options: Omit<BackendChoice, "backend">) => Promise<Backend>;

/** The backends that come with sft; each is loaded only when chosen. */
const builtIn: Readonly<Record<string, () => Promise<Create>>> = {
  cpu: async () => {
    const { createBackend } = await import("@sft/kernels-cpu");
    return async ({ threads }) => createBackend({ threads: await threadsToUse(threads) });
  },
  webgpu: async () => createGpuBackend,
};

/**
 * Makes the backend that was asked for. "auto" takes a real GPU, else the CPU, and never a GPU in software.
 * @throws CliError "bad-backend" for a module that is none; BackendError "no-adapter" for webgpu without a GPU
 */
export async function selectBackend({ backend, threads, precision, autotune, profile }: BackendChoice, cwd: string): Promise<Backend> {
  const options = {
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
    ...(autotune ? { autotune } : {}),
    ...(profile === undefined ? {} : { profile }),
  };
  if (backend === "auto") return (await realGpu(options)) ?? (await builtIn.cpu!())(options);
  const load = Object.hasOwn(builtIn, backend) ? builtIn[backend]! : (): Promise<CreateBackend> => loadBackendModule(backend, cwd);
  return (await load())(options);
}

/** The asked number of threads, by flag or environment, within this machine's cores, with a word where it is not the same. */
async function threadsToUse(asked: number | undefined): Promise<number> {
  const threads = await usableThreads(asked);
  const [name, wanted] = asked === undefined ? ["SFT_THREADS", Number(process.env["SFT_THREADS"])] : ["threads", asked];
  if (threads < wanted)
    process.stderr.write(
      `note: ${name} ${wanted} is more than the cores that there are, and more would wait for each other: ${threads} used\n`,
    );
  return threads;
}

/** A GPU of this machine; without one, the software GPU of a development checkout, with a word about it. */
const createGpuBackend: Create = async ({ precision, autotune, profile }) => {
  const { createBackend } = await import("@sft/kernels-webgpu/node");
  if (!mayHaveGpu()) {
    const software = await setUpSoftwareGpu();
    if (software !== null) process.stderr.write(`no GPU found: running on ${software}, a GPU in software, for tests only\n`);
  }
  const tuning = {
    cacheFile: tileCachePath(process.platform, process.env, homedir()),
    notice: (text: string): void => void process.stderr.write(`note: ${text}\n`),
  };
  return createBackend({ ...(precision ? { precision } : {}), ...(autotune ? { tuning } : {}), ...(profile ? { profile } : {}) });
};

/** A backend on a GPU of hardware; null where there is none, whatever the reason. */
async function realGpu(options: Parameters<Create>[0]): Promise<Backend | null> {
  if (!mayHaveGpu()) return null;
  try {
    const gpu = await (await builtIn.webgpu!())(options);
    if (gpu.capabilities.hardwareAccelerated) return gpu;
    await gpu.dispose();
  } catch {
    // No adapter, no driver, or no build of Dawn for this system: the CPU serves.
  }
  return null;
}
