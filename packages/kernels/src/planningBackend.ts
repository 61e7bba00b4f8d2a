import type { Backend, BackendBuffer, BufferPart, Capabilities, Executable } from "./backend.ts";
import { BackendError } from "./errors.ts";
import { opTable } from "./ops/index.ts";
import { planMemory } from "./plan.ts";
import type { Program } from "./program.ts";
import { byteLength, elementCount, type TensorType } from "./tensor.ts";

/** A backend that allocates and computes nothing, and counts what another one would take. */
export interface PlanningBackend extends Backend {
  /** Bytes of all buffers that are allocated at this moment. */
  readonly allocatedBytes: number;
  /** The largest scratch of any program compiled so far; programs never run at once, so they share it. */
  readonly scratchBytes: number;
  /** The largest sum of buffers and scratch so far. */
  readonly peakBytes: number;
}

/**
 * Runs set-up code (loading a model, making an optimiser, compiling its programs) without a device, so that its memory is
 * known before anything is allocated. `run` does nothing and `download` is refused.
 * `scratchOf` gives a program's activation and scratch bytes on the backend in question; default is the memory plan's.
 */
export function createPlanningBackend(
  capabilities: Partial<Capabilities> = {},
  scratchOf: (program: Program) => number = plannedBytes,
): PlanningBackend {
  const sizes = new WeakMap<BackendBuffer, number>();
  let allocatedBytes = 0;
  let scratchBytes = 0;
  let peakBytes = 0;
  const note = (): void => {
    peakBytes = Math.max(peakBytes, allocatedBytes + scratchBytes);
  };
  const refuse = (what: string): never => {
    throw new BackendError("unsupported-op", `a planning backend cannot ${what}: it only counts memory`);
  };
  return {
    capabilities: {
      backend: "plan",
      adapter: "none",
      hardwareAccelerated: false,
      float64: false,
      maxBindingBytes: Number.MAX_SAFE_INTEGER,
      partAlignment: 64,
      ops: new Set(opTable.keys()),
      deterministic: true,
      ...capabilities,
    },
    lost: new Promise(() => undefined),
    get allocatedBytes() {
      return allocatedBytes;
    },
    get scratchBytes() {
      return scratchBytes;
    },
    get peakBytes() {
      return peakBytes;
    },
    allocate(type: TensorType, part?: BufferPart): BackendBuffer {
      const buffer: BackendBuffer = { dtype: type.dtype, length: elementCount(type.shape), ...(part ? { part } : {}) };
      if (part) return buffer;
      sizes.set(buffer, byteLength(type));
      allocatedBytes += byteLength(type);
      note();
      return buffer;
    },
    free(resource: BackendBuffer | Executable): void {
      if ("program" in resource) return;
      allocatedBytes -= sizes.get(resource) ?? 0;
      sizes.delete(resource);
    },
    upload: () => undefined,
    download: async () => refuse("download"),
    async compile(program: Program): Promise<Executable> {
      const bytes = scratchOf(program);
      scratchBytes = Math.max(scratchBytes, bytes);
      note();
      return { program, scratchBytes: bytes };
    },
    run: () => undefined,
    sync: async () => undefined,
    dispose: async () => undefined,
  };
}

function plannedBytes(program: Program): number {
  return planMemory(program, opTable).activationBytes;
}
