import { byteLength, type Backend } from "@sft/kernels";

/** Bytes that a backend's callers have asked for, kept up to date while it is used. */
export interface MemoryMeter {
  /** Bytes of the buffers that are there now, and the most that there ever were. */
  held: number;
  mostHeld: number;
  /** Bytes of the largest program's workspace, which all programs share. */
  workspace: number;
}

/** Counts what `backend` is asked for from now on. Parts of a buffer count with the whole. */
export function meterMemory(backend: Backend): MemoryMeter {
  const meter: MemoryMeter = { held: 0, mostHeld: 0, workspace: 0 };
  const sizes = new Map<unknown, number>();
  const [allocate, free, compile] = [backend.allocate.bind(backend), backend.free.bind(backend), backend.compile.bind(backend)];
  backend.allocate = (type, part) => {
    const buffer = allocate(type, part);
    const bytes = part ? 0 : byteLength(type);
    sizes.set(buffer, bytes);
    meter.held += bytes;
    meter.mostHeld = Math.max(meter.mostHeld, meter.held);
    return buffer;
  };
  backend.free = (resource) => {
    meter.held -= sizes.get(resource) ?? 0;
    sizes.delete(resource);
    free(resource);
  };
  backend.compile = async (...given) => {
    const executable = await compile(...given);
    meter.workspace = Math.max(meter.workspace, executable.scratchBytes);
    return executable;
  };
  return meter;
}
