import { BackendError, bytesPerElement, type BackendBuffer, type DType } from "@sft/kernels";

/** A tensor's buffer on the device, padded to whole words. */
export interface GpuTensor extends BackendBuffer {
  readonly gpu: GPUBuffer;
  /** First byte in `gpu`: 0, or where this part of another tensor's buffer starts. */
  readonly byteOffset: number;
  freed: boolean;
}

/** Elements at whose multiples a part may start: 256 bytes of 2-byte elements, the offset that every device can bind. */
export const PART_ALIGNMENT = 128;

/** Whether a tensor was given back, or the one that it is a part of. */
export function isFreed(tensor: GpuTensor): boolean {
  return tensor.freed || (tensor.part !== undefined && (tensor.part.of as GpuTensor).freed);
}

export const TENSOR_USAGE: number = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST; GPUBufferUsage is no global in Node.

/** Bytes of a buffer for `length` elements: whole words, never none. */
export function paddedBytes(bytes: number): number {
  return Math.max(4, Math.ceil(bytes / 4) * 4);
}

/** Whether two tensors have bytes in common. */
export function shareMemory(a: GpuTensor, b: GpuTensor): boolean {
  const end = ({ byteOffset, dtype, length }: GpuTensor): number => byteOffset + length * bytesPerElement(dtype);
  return a.gpu === b.gpu && a.byteOffset < end(b) && b.byteOffset < end(a);
}

/** The buffer as one of this backend's own. @throws BackendError "bad-buffer" for a stranger's, "buffer-freed" after free. */
export function asGpuTensor(buffer: BackendBuffer, known: ReadonlySet<BackendBuffer>): GpuTensor {
  const tensor = buffer as GpuTensor;
  if (isFreed(tensor)) throw new BackendError("buffer-freed", `a ${describe(tensor)} was used after it was freed`);
  if (!known.has(buffer)) throw new BackendError("bad-buffer", `a ${describe(buffer)} does not belong to this backend`);
  return tensor;
}

function describe({ dtype, length }: { readonly dtype: DType; readonly length: number }): string {
  return `buffer of ${length} ${dtype}`;
}
