import type { Program } from "./program.ts";
import type { DType, TensorType } from "./tensor.ts";

/** Typed arrays that cross the seam: f32 as Float32Array (Float64Array from a float64 reference), i32 as Int32Array, f16 and bf16 as their bits. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint16Array;

/** A piece of backend memory. Opaque: only the backend that made it can read it. */
export interface BackendBuffer {
  readonly dtype: DType;
  /** Number of elements. */
  readonly length: number;
  /** The buffer whose memory this one is a part of, and where it starts in it. */
  readonly part?: BufferPart;
}

/** Where in another buffer a buffer lies. */
export interface BufferPart {
  /** No part itself. */
  readonly of: BackendBuffer;
  /** A multiple of the backend's `partAlignment`. */
  readonly firstElement: number;
}

/** A program that a backend has compiled against fixed buffers. */
export interface Executable {
  readonly program: Program;
  /** Bytes of activations and scratch that this program needs, known before it runs. */
  readonly scratchBytes: number;
}

/** What a backend can do; shared code asks these, never the backend's name. */
export interface Capabilities {
  /** "cpu", "webgpu", or a third party's own word. */
  readonly backend: string;
  /** The device in words: "AMD EPYC, 2 threads", "NVIDIA H100 80GB HBM3". */
  readonly adapter: string;
  /** False for a software GPU, which `--backend auto` never takes. */
  readonly hardwareAccelerated: boolean;
  /** True when "f32" tensors are computed and stored in float64 (the reference). */
  readonly float64: boolean;
  /**
   * Relative error of rounding one operand of a matrix product, where products round them to less than float32: 2^-11 for float16.
   * Gradients then need a loss scale to stay in range. Default: float32's.
   */
  readonly productRoundoff?: number;
  /**
   * Ops that read weights take float16 ones. Where `productRoundoff` is 2^-11 as well, weights that are stored so lose nothing that
   * products would not lose anyway. Default: false.
   */
  readonly halfWeights?: boolean;
  /**
   * Elements that the largest weight of a model's linear layers must have for training to hold float16 copies of those that it trains: the
   * rounding of smaller ones before each product is not worth the memory. Default: 0, always.
   */
  readonly halfCopiesFrom?: number;
  /** Bytes that buffers and programs may take together, where that is known. */
  readonly memoryBytes?: number;
  /** Largest number of bytes one kernel can see of one tensor; larger tensors are worked on in row ranges. */
  readonly maxBindingBytes: number;
  /** Buffers can be parts of others, which then start at multiples of this many elements. Without it, `allocate` makes no parts. */
  readonly partAlignment?: number;
  /** Ops implemented; a program is lowered to these or refused by name before `compile`. */
  readonly ops: ReadonlySet<string>;
  /** Same program, same data: same bits on every run. */
  readonly deterministic: boolean;
}

/** Why a device went away. */
export interface BackendLost {
  readonly reason: "destroyed" | "unknown";
  readonly message: string;
}

/**
 * Where programs run. Work is queued in call order: an `upload` after a `run` is seen by the next `run`, not by the one before.
 * Only `download`, `compile`, `sync` and `dispose` are asynchronous.
 */
export interface Backend {
  readonly capabilities: Capabilities;
  /** Resolves when the device is lost; never rejects. */
  readonly lost: Promise<BackendLost>;
  /**
   * A buffer of zeros; or, with `part`, a window on elements of a buffer that is there, of the same dtype, with what they hold. Tensors
   * that are parts of one buffer can also be bound together, as one; no instruction may read one part of a buffer and write another.
   * Throws BackendError "out-of-memory", "bad-buffer" for a part that is not inside, or not aligned.
   */
  allocate(type: TensorType, part?: BufferPart): BackendBuffer;
  /**
   * Gives back a buffer or an executable with its scratch; using it afterwards throws BackendError "buffer-freed". The memory of a
   * part goes with the buffer that it is a part of, which makes the part as good as freed.
   */
  free(resource: BackendBuffer | Executable): void;
  /** Copies host data into a buffer from `elementOffset` on. Float64Array and Float32Array are both taken for f32. */
  upload(buffer: BackendBuffer, data: HostArray, elementOffset?: number): void;
  /** Reads `length` elements from `elementOffset` on, after everything queued before. */
  download(buffer: BackendBuffer, elementOffset?: number, length?: number): Promise<HostArray>;
  /** Binds every external tensor of the program by name, plans memory and builds what `run` needs. */
  compile(program: Program, bindings: ReadonlyMap<string, BackendBuffer>): Promise<Executable>;
  /** Queues one run of the whole program. */
  run(executable: Executable): void;
  /** Resolves when everything queued has finished; rejects with BackendError when the device was lost. */
  sync(): Promise<void>;
  /** Frees everything. The backend cannot be used afterwards. */
  dispose(): Promise<void>;
}

/** What a module named by `--backend ./path.js` exports as `createBackend` (or as its default). */
export type CreateBackend = (options?: { readonly threads?: number; readonly memoryBytes?: number }) => Promise<Backend>;
