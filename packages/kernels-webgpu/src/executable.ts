import type { Executable, Program } from "@sft/kernels";
import type { Dispatch } from "./dispatch.ts";
import type { Pipeline } from "./pipelineCache.ts";
import type { GpuTensor } from "./gpuBuffer.ts";
import type { ScratchLease } from "./scratchPool.ts";

/** One dispatch, ready to be encoded. */
export interface EncodedDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  /** The launch that this is, and its instruction's position in the program as it runs, for profiles. */
  readonly instruction: number;
  readonly source: Dispatch;
  /** See `movedBytes`. */
  readonly bytes: number;
}

/** A compiled program with all that it holds on the device. */
export interface GpuExecutable extends Executable {
  readonly program: Program;
  /** The program after the backend's own passes. */
  readonly asRun: Program;
  readonly scratchBytes: number;
  readonly dispatches: readonly EncodedDispatch[];
  readonly bound: readonly { readonly name: string; readonly tensor: GpuTensor }[];
  readonly scratch: ScratchLease;
  readonly parameters: GPUBuffer | null;
  freed: boolean;
}

/** Dispatches of a program's first submit: few, so that the device starts while the rest is encoded. Each one after has twice as many. */
const FIRST_SUBMIT = 64;

/** Encodes and submits a program: one pass a submit. */
export function encodeDispatches(device: GPUDevice, queue: GPUQueue, dispatches: readonly EncodedDispatch[]): void {
  for (let start = 0, count = FIRST_SUBMIT; start < dispatches.length; start += count, count *= 2) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let current: GPUComputePipeline | undefined;
    for (const { pipeline, bindGroup, workgroups } of dispatches.slice(start, start + count)) {
      if (pipeline !== current) pass.setPipeline((current = pipeline));
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    }
    pass.end();
    queue.submit([encoder.finish()]);
  }
}

/** Bind groups of a program: equal ones are made once. */
export class BindGroups {
  private readonly device: GPUDevice;
  private readonly groups = new Map<string, GPUBindGroup>();
  private readonly layoutNumbers = new Map<GPUBindGroupLayout, number>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** `key` tells apart what is bound; the layout is told apart here. */
  get(pipeline: Pipeline, key: string, entries: () => GPUBindGroupEntry[]): GPUBindGroup {
    let number = this.layoutNumbers.get(pipeline.layout);
    if (number === undefined) this.layoutNumbers.set(pipeline.layout, (number = this.layoutNumbers.size));
    const fullKey = `${number}|${key}`;
    let group = this.groups.get(fullKey);
    if (!group) this.groups.set(fullKey, (group = this.device.createBindGroup({ layout: pipeline.layout, entries: entries() })));
    return group;
  }
}
