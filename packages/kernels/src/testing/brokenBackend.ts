import type { Backend, BackendBuffer, Executable, HostArray } from "../backend.ts";
import type { Attributes } from "../op.ts";
import type { Instruction, Program } from "../program.ts";
import type { TensorSpec } from "../tensor.ts";

/** A kernel's arrays on the host: what it read, what its outputs held before, and what it wrote. */
export interface KernelCall {
  readonly inputs: readonly HostArray[];
  readonly previous: readonly HostArray[];
  readonly outputs: readonly HostArray[];
  readonly outputShapes: readonly (readonly number[])[];
}

/** How one kernel is wrong. Arrays are corrupted in place. */
export interface Fault {
  readonly op: string;
  /** Attributes that the kernel sees instead of the program's. */
  readonly attributes?: (attributes: Attributes) => Attributes;
  /** Changes what the kernel reads; inputs that it updates in place are left alone. */
  readonly inputs?: (inputs: readonly HostArray[]) => void;
  /** Changes what the kernel wrote. */
  readonly outputs?: (call: KernelCall) => void;
}

interface Piece {
  readonly executable: Executable;
  /** Bindings of a faulty instruction; undefined for a run of sound ones. */
  readonly faulty: FaultyBindings | undefined;
}

interface FaultyBindings {
  readonly inputs: readonly BackendBuffer[];
  readonly outputs: readonly BackendBuffer[];
  readonly outputShapes: readonly (readonly number[])[];
  /** What the kernel is given to read: copies, where the inputs are corrupted. */
  readonly read: readonly BackendBuffer[];
}

/**
 * A backend in which one kernel is wrong, to prove that a test notices. It cuts each program around the op and corrupts
 * the op's data on the host, so it works over any backend and needs nothing of its kernels. Slow, for tests alone.
 */
export function brokenBackend(backend: Backend, fault: Fault): Backend {
  const pieces = new Map<Executable, { readonly pieces: readonly Piece[]; readonly buffers: readonly BackendBuffer[] }>();
  let queue: Promise<unknown> = Promise.resolve();
  const enqueue = <T>(task: () => T | Promise<T>): Promise<T> => {
    const done = queue.then(task);
    queue = done;
    // A failed task shows at the next download or sync; until then it is no unhandled rejection.
    done.catch(() => {});
    return done;
  };

  return {
    capabilities: backend.capabilities,
    lost: backend.lost,
    allocate: (type, part) => backend.allocate(type, part),
    free(resource) {
      void enqueue(() => {
        const cut = pieces.get(resource as Executable);
        if (!cut) return backend.free(resource);
        for (const { executable } of cut.pieces) backend.free(executable);
        for (const buffer of cut.buffers) backend.free(buffer);
        pieces.delete(resource as Executable);
      });
    },
    upload(buffer, data, elementOffset) {
      const copy = data.slice();
      void enqueue(() => backend.upload(buffer, copy, elementOffset));
    },
    download: (buffer, elementOffset, length) => enqueue(() => backend.download(buffer, elementOffset, length)),
    async compile(program, bindings) {
      if (!program.instructions.some((instruction) => instruction.op === fault.op)) return backend.compile(program, bindings);
      const cut = await cutProgram(backend, fault, program, bindings);
      const executable: Executable = { program, scratchBytes: cut.pieces.reduce((sum, piece) => sum + piece.executable.scratchBytes, 0) };
      pieces.set(executable, cut);
      return executable;
    },
    run(executable) {
      void enqueue(async () => {
        const cut = pieces.get(executable);
        if (!cut) return backend.run(executable);
        for (const piece of cut.pieces) await runPiece(backend, fault, piece);
      });
    },
    sync: () => enqueue(() => backend.sync()),
    dispose: () => enqueue(() => backend.dispose()),
  };
}

async function cutProgram(
  backend: Backend,
  fault: Fault,
  program: Program,
  bindings: ReadonlyMap<string, BackendBuffer>,
): Promise<{ pieces: Piece[]; buffers: BackendBuffer[] }> {
  // Activations that cross a cut must be bound, so all of them become state under names of their own.
  const tensors: TensorSpec[] = program.tensors.map((tensor, index) =>
    tensor.role === "activation" ? { ...tensor, role: "state", name: `activation ${index}` } : tensor,
  );
  const buffers: BackendBuffer[] = [];
  const owned = (tensor: TensorSpec): BackendBuffer => {
    const buffer = backend.allocate(tensor);
    buffers.push(buffer);
    return buffer;
  };
  const bound = program.tensors.map((tensor, index) =>
    tensor.role === "activation" ? owned(tensors[index]!) : bindings.get(tensor.name)!,
  );

  const pieces: Piece[] = [];
  for (const instructions of cutAround(program.instructions, fault.op)) {
    const [instruction] = instructions as [Instruction];
    const used = [...new Set(instructions.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]))];
    const isFaulty = instruction.op === fault.op;
    const binding = new Map(
      used.map((index) => {
        const copied = isFaulty && fault.inputs !== undefined && !instruction.outputs.includes(index);
        return [index, copied ? owned(tensors[index]!) : bound[index]!] as const;
      }),
    );
    const renumber = (indices: readonly number[]): number[] => indices.map((index) => used.indexOf(index));
    const piece: Program = {
      name: `${program.name}, piece ${pieces.length}`,
      tensors: used.map((index) => tensors[index]!),
      instructions: instructions.map(({ op, inputs, outputs, attributes }) => ({
        op,
        inputs: renumber(inputs),
        outputs: renumber(outputs),
        attributes: isFaulty && fault.attributes ? fault.attributes(attributes) : attributes,
      })),
    };
    const executable = await backend.compile(piece, new Map(used.map((index) => [tensors[index]!.name, binding.get(index)!])));
    const buffersOf = (indices: readonly number[]): BackendBuffer[] => indices.map((index) => bound[index]!);
    pieces.push({
      executable,
      faulty: isFaulty
        ? {
            inputs: buffersOf(instruction.inputs),
            outputs: buffersOf(instruction.outputs),
            outputShapes: instruction.outputs.map((index) => tensors[index]!.shape),
            read: instruction.inputs.map((index) => binding.get(index)!),
          }
        : undefined,
    });
  }
  return { pieces, buffers };
}

/** Runs of instructions without the op, and each instruction of the op alone. */
function cutAround(instructions: readonly Instruction[], op: string): Instruction[][] {
  const groups: Instruction[][] = [];
  for (const instruction of instructions) {
    const last = groups.at(-1);
    if (last && instruction.op !== op && last[0]!.op !== op) last.push(instruction);
    else groups.push([instruction]);
  }
  return groups;
}

async function runPiece(backend: Backend, fault: Fault, { executable, faulty }: Piece): Promise<void> {
  if (!faulty) return backend.run(executable);
  const download = (buffers: readonly BackendBuffer[]): Promise<HostArray[]> =>
    Promise.all(buffers.map((buffer) => backend.download(buffer)));
  const inputs = await download(faulty.inputs);
  const previous = await download(faulty.outputs);
  if (fault.inputs) {
    const corrupted = inputs.map((input) => input.slice());
    fault.inputs(corrupted);
    corrupted.forEach((input, index) => {
      if (faulty.read[index] !== faulty.inputs[index]) backend.upload(faulty.read[index]!, input);
    });
  }
  backend.run(executable);
  if (!fault.outputs) return;
  const outputs = await download(faulty.outputs);
  fault.outputs({ inputs, previous, outputs, outputShapes: faulty.outputShapes });
  outputs.forEach((output, index) => backend.upload(faulty.outputs[index]!, output));
}
