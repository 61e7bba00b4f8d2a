import { BackendError, type BackendBuffer, type DType } from "@sft/kernels";

/** A tensor's buffer on the device, padded to whole words. */
export interface GpuTensor extends BackendBuffer {
  readonly gpu: GPUBuffer;
  freed: boolean;
}

export const TENSOR_USAGE: number = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST; GPUBufferUsage is no global in Node.

/** Bytes of a buffer for `length` elements: whole words, never none. */
export function paddedBytes(bytes: number): number {
  return Math.max(4, Math.ceil(bytes / 4) * 4);
}

/** The buffer as one of this backend's own. @throws BackendError "bad-buffer" for a stranger's, "buffer-freed" after free. */
export function asGpuTensor(buffer: BackendBuffer, known: ReadonlySet<BackendBuffer>): GpuTensor {
  const tensor = buffer as GpuTensor;
  if (tensor.freed) throw new BackendError("buffer-freed", `a ${describe(tensor)} was used after it was freed`);
  if (!known.has(buffer)) throw new BackendError("bad-buffer", `a ${describe(buffer)} does not belong to this backend`);
  return tensor;
}

function describe({ dtype, length }: { readonly dtype: DType; readonly length: number }): string {
  return `buffer of ${length} ${dtype}`;
}
