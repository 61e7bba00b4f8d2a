import { BackendError } from "@sft/kernels";
import type { DeviceFaults } from "./deviceFaults.ts";
import type { Kernel } from "./kernel.ts";

/** A kernel built for a device. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Builds each WGSL text once. Layouts are shared by all kernels that bind the same kinds of buffers. */
export class PipelineCache {
  private readonly device: GPUDevice;
  private readonly faults: DeviceFaults;
  private readonly pipelines = new Map<string, Promise<Pipeline>>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice, faults: DeviceFaults) {
    this.device = device;
    this.faults = faults;
  }

  /** Pipeline of a kernel. Rejects with BackendError "shader-compile" that quotes line, column and the numbered WGSL. */
  get(kernel: Kernel): Promise<Pipeline> {
    let pipeline = this.pipelines.get(kernel.wgsl);
    if (!pipeline) {
      pipeline = this.build(kernel);
      this.pipelines.set(kernel.wgsl, pipeline);
      pipeline.catch(() => this.pipelines.delete(kernel.wgsl));
    }
    return pipeline;
  }

  /** Number of pipelines built so far. */
  get size(): number {
    return this.pipelines.size;
  }

  private async build(kernel: Kernel): Promise<Pipeline> {
    const layout = this.layoutOf(kernel);
    let module: GPUShaderModule | undefined;
    try {
      module = await this.faults.scoped(`compiling ${kernel.label}`, () => {
        module = this.device.createShaderModule({ label: kernel.label, code: kernel.wgsl });
        return module;
      });
      const pipeline = await this.faults.orLost(
        this.device.createComputePipelineAsync({
          label: kernel.label,
          layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: "main" },
        }),
      );
      return { pipeline, layout };
    } catch (error) {
      if (error instanceof BackendError && (error.code === "device-lost" || error.code === "out-of-memory")) throw error;
      throw await shaderError(kernel, module, error as Error);
    }
  }

  private layoutOf(kernel: Kernel): GPUBindGroupLayout {
    const types: GPUBufferBindingType[] = kernel.bindings.map(({ writes }) => (writes ? "storage" : "read-only-storage"));
    if (kernel.parameters.length > 0) types.push("uniform");
    const key = types.join();
    let layout = this.layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        entries: types.map((type, binding) => ({ binding, visibility: 4 /* COMPUTE */, buffer: { type } })),
      });
      this.layouts.set(key, layout);
    }
    return layout;
  }
}

async function shaderError(kernel: Kernel, module: GPUShaderModule | undefined, cause: Error): Promise<BackendError> {
  const messages = module ? (await module.getCompilationInfo()).messages.filter((message) => message.type === "error") : [];
  const places = messages.map((message) => `line ${message.lineNum}, column ${message.linePos}: ${message.message}`);
  const lines = kernel.wgsl.split("\n").map((line, index) => `${String(index + 1).padStart(4)} | ${line}`);
  return new BackendError(
    "shader-compile",
    `the kernel ${kernel.label} does not compile\n${(places.length > 0 ? places : [cause.message]).join("\n")}`,
    {
      hint: lines.join("\n"),
      cause,
    },
  );
}
