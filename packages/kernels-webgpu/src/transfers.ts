import { BackendError, bytesPerElement, type HostArray } from "@sft/kernels";
import { paddedBytes, type GpuTensor } from "./gpuBuffer.ts";
import { toDeviceArray, toHostArray } from "./hostData.ts";
import { MAX_STAGING_BYTES, type StagingRing } from "./stagingRing.ts";

/** Queues the way of host data into a tensor, from `elementOffset` on. @throws BackendError "bad-buffer" where it does not fit */
export function uploadTo(queue: GPUQueue, tensor: GpuTensor, data: HostArray, elementOffset: number): void {
  const array = toDeviceArray(tensor.dtype, data);
  expectRange("upload", tensor, elementOffset, array.length);
  const size = bytesPerElement(tensor.dtype);
  if ((elementOffset * size) % 4 !== 0 || (array.byteLength % 4 !== 0 && elementOffset + array.length !== tensor.length)) {
    throw new BackendError(
      "bad-buffer",
      `upload of ${array.length} ${tensor.dtype} at ${elementOffset}: pieces of 2-byte elements must be whole words`,
    );
  }
  if (array.length === 0) return;
  let bytes = new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
  if (bytes.length % 4 !== 0) {
    const padded = new Uint8Array(paddedBytes(bytes.length));
    padded.set(bytes);
    bytes = padded;
  }
  // In parts, each followed by a submit: the driver gives back the copy that it keeps of a part when that submit is done.
  for (let at = 0; at < bytes.length; at += MAX_STAGING_BYTES) {
    const to = tensor.byteOffset + elementOffset * size + at;
    queue.writeBuffer(tensor.gpu, to, bytes, at, Math.min(MAX_STAGING_BYTES, bytes.length - at));
    if (bytes.length > MAX_STAGING_BYTES) queue.submit([]);
  }
}

/** `length` elements of a tensor as they are after what is queued so far; all that follow `elementOffset` by default. @throws BackendError "bad-buffer" where it has not so many */
export async function downloadFrom(
  staging: StagingRing,
  tensor: GpuTensor,
  elementOffset: number,
  length: number = tensor.length - elementOffset,
): Promise<HostArray> {
  expectRange("download", tensor, elementOffset, length);
  if (length === 0) return toHostArray(tensor.dtype, new ArrayBuffer(0));
  const size = bytesPerElement(tensor.dtype);
  const start = tensor.byteOffset + elementOffset * size;
  const firstByte = start - (start % 4);
  const bytes = paddedBytes(start + length * size - firstByte);
  const result = new Uint8Array(bytes);
  // All parts are queued now, so that later runs and uploads cannot change what is read.
  const parts: Promise<void>[] = [];
  for (let at = 0; at < bytes; at += MAX_STAGING_BYTES) {
    const part = Math.min(MAX_STAGING_BYTES, bytes - at);
    parts.push(staging.read(tensor.gpu, firstByte + at, part).then((data) => result.set(new Uint8Array(data), at)));
  }
  await Promise.all(parts);
  return toHostArray(tensor.dtype, result.buffer.slice(start - firstByte, start - firstByte + length * size));
}

function expectRange(act: string, tensor: GpuTensor, start: number, count: number): void {
  if (!Number.isInteger(start) || !Number.isInteger(count) || start < 0 || count < 0 || start + count > tensor.length) {
    throw new BackendError("bad-buffer", `${act} of ${count} elements at ${start}: the buffer holds ${tensor.length}`);
  }
}
