import { BackendError, elementCount, lowerProgram, opTable, ProgramError, type BackendBuffer, type Program } from "@sft/kernels";
import type { DeviceFaults } from "./deviceFaults.ts";
import type { KernelLimits } from "./dispatch.ts";
import { BindGroups, type GpuExecutable } from "./executable.ts";
import { asGpuTensor, shareMemory, type GpuTensor } from "./gpuBuffer.ts";
import { listDispatches } from "./listDispatches.ts";
import { movedBytes } from "./movedBytes.ts";
import { opEmitters } from "./ops/index.ts";
import { packParameters } from "./parameterBlock.ts";
import type { PipelineCache } from "./pipelineCache.ts";
import type { ScratchLease, ScratchPool } from "./scratchPool.ts";

/** What compiling needs of a backend. */
export interface CompileContext {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly limits: KernelLimits;
  readonly faults: DeviceFaults;
  readonly pipelines: PipelineCache;
  readonly scratchPool: ScratchPool;
  readonly buffers: ReadonlySet<BackendBuffer>;
}

const UNIFORM_USAGE = 0x40 | 0x08; // UNIFORM | COPY_DST
const MAX_PARAMETER_BYTES = 256;

/** Everything that `run` repeats is made here: dispatches, pipelines (in parallel), memory, parameters, bind groups. */
export async function compileProgram(
  context: CompileContext,
  source: Program,
  bindings: ReadonlyMap<string, BackendBuffer>,
): Promise<GpuExecutable> {
  const { device, queue, limits, faults } = context;
  const program = lowerProgram(source, new Set(opEmitters.keys()), opTable);
  const tensors = bindTensors(program, bindings, context.buffers);
  const firstWith = new Map<GpuTensor, number>();
  tensors.forEach((tensor, index) => {
    if (tensor && !firstWith.has(tensor)) firstWith.set(tensor, index);
  });
  const sameBuffer = (index: number): number => firstWith.get(tensors[index]!)!;
  const list = listDispatches(program, opTable, limits, sameBuffer, (a, b) => shareMemory(tensors[a]!, tensors[b]!));
  const bytes = movedBytes(list, sameBuffer);

  const pipelines = await Promise.all(list.dispatches.map(({ kernel }) => context.pipelines.get(kernel)));

  const sizes = list.plan.slots;
  const scratchBytes = list.plan.activationBytes;
  const largest = Math.max(0, ...sizes);
  if (largest > device.limits.maxBufferSize) {
    throw new BackendError(
      "out-of-memory",
      `program ${program.name} needs a buffer of ${largest} bytes, the device makes none over ${device.limits.maxBufferSize}`,
    );
  }
  const scratch = await leaseScratch(
    context,
    sizes,
    `program ${program.name}: allocating ${scratchBytes} bytes of activations and scratch`,
  );
  const block = packParameters(list.dispatches);
  try {
    return await faults.scoped(`program ${program.name}: binding its buffers`, () => {
      const parameters =
        block.bytes.length === 0
          ? null
          : device.createBuffer({ label: `${program.name} parameters`, size: block.bytes.length, usage: UNIFORM_USAGE });
      if (parameters) queue.writeBuffer(parameters, 0, block.bytes);
      const bufferOf = list.storages.map((storage) => {
        if (storage.kind === "external") return tensors[storage.tensor]!;
        return { byteOffset: 0, gpu: scratch.buffers[storage.slot]! };
      });
      const groups = new BindGroups(device);
      const dispatches = list.dispatches.map((dispatch, index) => {
        const pipeline = pipelines[index]!;
        const offset = block.offsetOf[index]!;
        const key = `${dispatch.bindings.map((range) => `${range.storage}:${range.byteOffset}:${range.byteLength}`).join()}|${offset}`;
        const bindGroup = groups.get(pipeline, key, () => [
          ...dispatch.bindings.map((range, binding) => ({
            binding,
            resource: {
              buffer: bufferOf[range.storage]!.gpu,
              offset: bufferOf[range.storage]!.byteOffset + range.byteOffset,
              size: range.byteLength,
            },
          })),
          ...(offset === -1
            ? []
            : [{ binding: dispatch.bindings.length, resource: { buffer: parameters!, offset, size: MAX_PARAMETER_BYTES } }]),
        ]);
        const instruction = list.instructionOf[index]!;
        return {
          pipeline: pipeline.pipeline,
          bindGroup,
          workgroups: dispatch.workgroups,
          instruction,
          source: dispatch,
          bytes: bytes[index]!,
        };
      });
      const bound = tensors.flatMap((tensor, index) => (tensor ? [{ name: program.tensors[index]!.name, tensor }] : []));
      return { program: source, asRun: list.program, scratchBytes, dispatches, bound, scratch, parameters, freed: false };
    });
  } catch (error) {
    scratch.release();
    throw error;
  }
}

/** Memory for a program; buffers that could not be made leave no trace in the pool. */
async function leaseScratch({ faults, scratchPool }: CompileContext, sizes: readonly number[], doing: string): Promise<ScratchLease> {
  let lease: ScratchLease | undefined;
  try {
    return await faults.scoped(doing, () => (lease = scratchPool.lease(sizes)));
  } catch (error) {
    lease?.release();
    throw error;
  }
}

/** The buffer of each external tensor, checked against its type; null for activations. */
function bindTensors(
  program: Program,
  bindings: ReadonlyMap<string, BackendBuffer>,
  known: ReadonlySet<BackendBuffer>,
): readonly (GpuTensor | null)[] {
  return program.tensors.map((tensor) => {
    if (tensor.role === "activation") return null;
    const buffer = bindings.get(tensor.name);
    if (!buffer) throw new ProgramError("unbound-tensor", `program ${program.name}: no buffer is bound to ${tensor.name}`);
    const length = elementCount(tensor.shape);
    if (buffer.dtype !== tensor.dtype || buffer.length < length) {
      throw new BackendError(
        "bad-buffer",
        `program ${program.name}: ${tensor.name} needs ${length} ${tensor.dtype}, its buffer holds ${buffer.length} ${buffer.dtype}`,
      );
    }
    return asGpuTensor(buffer, known);
  });
}
