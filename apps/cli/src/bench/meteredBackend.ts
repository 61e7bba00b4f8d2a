import { bytesPerElement, wrapBackend, type Backend, type BackendBuffer, type Executable } from "@sft/kernels";

/** A backend with a meter on it: the most bytes that buffers and scratch ever took together. */
export interface MeteredBackend {
  readonly backend: Backend;
  readonly peakBytes: () => number;
}

/** Programs run one after the other and share their activations and scratch: what the hungriest of those alive needs counts. */
export function meterBackend(inner: Backend): MeteredBackend {
  const buffers = new Map<BackendBuffer, number>();
  const scratch = new Map<Executable, number>();
  let bytes = 0;
  let peak = 0;
  const note = (): void => {
    peak = Math.max(peak, bytes + Math.max(0, ...scratch.values()));
  };
  const backend = wrapBackend(inner, {
    allocate: (type, part) => {
      const buffer = inner.allocate(type, part);
      const size = part ? 0 : buffer.length * bytesPerElement(buffer.dtype);
      buffers.set(buffer, size);
      bytes += size;
      note();
      return buffer;
    },
    free: (resource) => {
      bytes -= buffers.get(resource as BackendBuffer) ?? 0;
      buffers.delete(resource as BackendBuffer);
      scratch.delete(resource as Executable);
      inner.free(resource);
    },
    compile: async (...given) => {
      const executable = await inner.compile(...given);
      scratch.set(executable, executable.scratchBytes);
      note();
      return executable;
    },
  });
  return { backend, peakBytes: () => peak };
}
