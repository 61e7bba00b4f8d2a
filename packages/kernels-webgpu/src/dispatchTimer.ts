import type { EncodedDispatch } from "./executable.ts";

/** Device time of one kernel launch. */
export interface KernelTiming {
  /** Op of the program that the launch belongs to. */
  readonly op: string;
  /** The kernel's label. */
  readonly kernel: string;
  /** Its scalar parameters by name: shapes, strides, factors. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly milliseconds: number;
  /** Bytes of all of its bindings: what it moves if each is read or written once. */
  readonly boundBytes: number;
}

/** Query sets hold at most 4096 timestamps. */
const DISPATCHES_A_SET = 2048;
const QUERY_RESOLVE = 0x200;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const MAP_READ = 0x1;

/**
 * Runs dispatches one pass each with a timestamp before and after, and gives their times once the device is done. Passes of their
 * own cost a few microseconds each, so the sum is more than a run takes without timing. Needs the feature "timestamp-query".
 */
export async function timeDispatches(
  device: GPUDevice,
  queue: GPUQueue,
  dispatches: readonly EncodedDispatch[],
): Promise<readonly KernelTiming[]> {
  const parts: Promise<readonly KernelTiming[]>[] = [];
  for (let start = 0; start < dispatches.length; start += DISPATCHES_A_SET)
    parts.push(timePart(device, queue, dispatches.slice(start, start + DISPATCHES_A_SET)));
  return (await Promise.all(parts)).flat();
}

async function timePart(device: GPUDevice, queue: GPUQueue, dispatches: readonly EncodedDispatch[]): Promise<readonly KernelTiming[]> {
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
  return dispatches.map(({ op, source }, index) => ({
    op,
    kernel: source.kernel.label,
    parameters: Object.fromEntries(source.kernel.parameters.map(({ name }, slot) => [name, source.parameters[slot]!])),
    milliseconds: Number(ticks[2 * index + 1]! - ticks[2 * index]!) / 1e6,
    boundBytes: source.bindings.reduce((sum, { byteLength }) => sum + byteLength, 0),
  }));
}
