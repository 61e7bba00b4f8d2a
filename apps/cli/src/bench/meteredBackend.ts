import { bytesPerElement, type Backend, type BackendBuffer, type Executable } from "@sft/kernels";

/** A backend with a meter on it: the most bytes that buffers, activations and scratch ever took together. */
export interface MeteredBackend {
  readonly backend: Backend;
  readonly peakBytes: () => number;
}

export function meterBackend(inner: Backend): MeteredBackend {
  const live = new Map<BackendBuffer | Executable, number>();
  let bytes = 0;
  let peak = 0;
  const take = <T extends BackendBuffer | Executable>(resource: T, size: number): T => {
    live.set(resource, size);
    bytes += size;
    peak = Math.max(peak, bytes);
    return resource;
  };
  const backend: Backend = {
    capabilities: inner.capabilities,
    lost: inner.lost,
    allocate: (type, part) => {
      const buffer = inner.allocate(type, part);
      return take(buffer, part ? 0 : buffer.length * bytesPerElement(buffer.dtype));
    },
    free: (resource) => {
      bytes -= live.get(resource) ?? 0;
      live.delete(resource);
      inner.free(resource);
    },
    upload: (...given) => inner.upload(...given),
    download: (...given) => inner.download(...given),
    compile: async (...given) => {
      const executable = await inner.compile(...given);
      return take(executable, executable.scratchBytes);
    },
    run: (executable) => inner.run(executable),
    sync: () => inner.sync(),
    dispose: () => inner.dispose(),
  };
  return { backend, peakBytes: () => peak };
}
