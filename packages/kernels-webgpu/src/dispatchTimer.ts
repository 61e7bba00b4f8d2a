import type { Instruction, Program } from "@sft/kernels";
import type { EncodedDispatch, GpuExecutable } from "./executable.ts";
import { launchFlops, plainOps } from "./launchFlops.ts";
import { membersOf } from "./rewrites/sideBySide.ts";

/** Device time of one kernel launch. */
export interface KernelTiming {
  /** Name of the program, and the position of the launch's instruction in it as it ran. */
  readonly program: string;
  readonly instruction: number;
  /** Op of the program that the launch belongs to. */
  readonly op: string;
  /** The kernel's label. */
  readonly kernel: string;
  /** Its scalar parameters by name: shapes, strides, factors. */
  readonly parameters: Readonly<Record<string, number>>;
  /** "m x n x k" of a product, of each where several share a launch; else nothing. */
  readonly shape: string;
  readonly milliseconds: number;
  /** Floating-point operations of the instruction at its longest launch, 0 at its others (see `launchFlops`). */
  readonly flops: number;
  /** What it moves if each buffer is read or written once, and both where it is updated in place. */
  readonly boundBytes: number;
}

/** Query sets hold at most 4096 timestamps. */
const DISPATCHES_A_SET = 2048;
const QUERY_RESOLVE = 0x200;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const MAP_READ = 0x1;

/**
 * Runs a program's dispatches one pass each with a timestamp before and after, and gives their times once the device is done. Passes of their
 * own cost a few microseconds each, so the sum is more than a run takes without timing. Needs the feature "timestamp-query".
 */
export async function timeDispatches(
  device: GPUDevice,
  queue: GPUQueue,
  { asRun, dispatches }: Pick<GpuExecutable, "asRun" | "dispatches">,
): Promise<readonly KernelTiming[]> {
  const parts: Promise<readonly number[]>[] = [];
  for (let start = 0; start < dispatches.length; start += DISPATCHES_A_SET)
    parts.push(timePart(device, queue, dispatches.slice(start, start + DISPATCHES_A_SET)));
  const times = (await Promise.all(parts)).flat();
  const launches = dispatches.map(({ instruction, source }, index) => ({
    instruction,
    kernel: source.kernel.label,
    milliseconds: times[index]!,
  }));
  const flops = launchFlops(asRun, launches);
  return dispatches.map(({ instruction, source, bytes }, index) => ({
    program: asRun.name,
    instruction,
    op: membersOf(asRun.instructions[instruction]!)[0]!.op,
    kernel: source.kernel.label,
    parameters: Object.fromEntries(source.kernel.parameters.map(({ name }, slot) => [name, source.parameters[slot]!])),
    shape: productShape(asRun, asRun.instructions[instruction]!),
    milliseconds: times[index]!,
    flops: flops[index]!,
    boundBytes: bytes,
  }));
}

function productShape({ tensors }: Program, instruction: Instruction): string {
  const products = plainOps(instruction).filter(({ op }) => op === "matmul");
  const shapes = products.map(({ inputs, outputs, attributes }) => {
    const a = tensors[inputs[0]!]!.shape;
    return [...tensors[outputs[0]!]!.shape, a[attributes["transposeA"] === true ? 0 : 1]].join(" x ");
  });
  return [...new Set(shapes)].join(", ");
}

/** Milliseconds of each dispatch. */
async function timePart(device: GPUDevice, queue: GPUQueue, dispatches: readonly EncodedDispatch[]): Promise<readonly number[]> {
  const count = 2 * dispatches.length;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const resolved = device.createBuffer({ size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
  const staging = device.createBuffer({ size: 8 * count, usage: MAP_READ | COPY_DST });
  const encoder = device.createCommandEncoder();
  dispatches.forEach(({ pipeline, bindGroup, workgroups }, index) => {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
  queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const ticks = new BigUint64Array(staging.getMappedRange().slice(0));
  staging.destroy();
  resolved.destroy();
  querySet.destroy();
  return dispatches.map((_, index) => Number(ticks[2 * index + 1]! - ticks[2 * index]!) / 1e6);
}
