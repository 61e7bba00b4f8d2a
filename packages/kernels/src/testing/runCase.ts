import type { Backend, BackendBuffer } from "../backend.ts";
import { lowerProgram } from "../lower.ts";
import { opTable } from "../ops/index.ts";
import { externalTensors } from "../program.ts";
import type { CaseValues } from "./conformanceCase.ts";
import type { RecordedCase } from "./recordCase.ts";

/** A recorded case compiled on a backend. `run` may be called any number of times, `free` gives everything back. */
export interface PreparedCase {
  /** Uploads the data, runs the program and reads the named tensors. */
  run(data: ReadonlyMap<string, CaseValues>, read: readonly string[]): Promise<ReadonlyMap<string, ArrayLike<number>>>;
  free(): void;
}

/** Lowers a recorded case to the backend's ops, allocates its tensors and compiles it. */
export async function prepareCase(backend: Backend, recorded: RecordedCase): Promise<PreparedCase> {
  const program = lowerProgram(recorded.program, backend.capabilities.ops, opTable);
  const buffers = new Map<string, BackendBuffer>();
  const freeBuffers = (): void => {
    for (const buffer of buffers.values()) backend.free(buffer);
  };
  try {
    for (const tensor of externalTensors(program)) buffers.set(tensor.name, backend.allocate(tensor));
    const executable = await backend.compile(program, buffers);
    return {
      async run(data, read) {
        for (const [name, values] of data) backend.upload(buffers.get(name)!, hostArray(values, backend.capabilities.float64));
        backend.run(executable);
        const results = new Map<string, ArrayLike<number>>();
        for (const name of read) results.set(name, await backend.download(buffers.get(name)!));
        return results;
      },
      free() {
        backend.free(executable);
        freeBuffers();
      },
    };
  } catch (error) {
    freeBuffers();
    throw error;
  }
}

function hostArray(values: CaseValues, float64: boolean): CaseValues | Float32Array {
  return !(values instanceof Float64Array) || float64 ? values : Float32Array.from(values);
}

/** A float16 that is not a number. */
const HALF_NAN = 0x7e00;

/** The same data with every float NaN: a run over it fills scratch memory and outputs with NaN, which a kernel that reads too much then shows. */
export function poisoned(data: ReadonlyMap<string, CaseValues>): ReadonlyMap<string, CaseValues> {
  const poison = (values: CaseValues): CaseValues => {
    if (values instanceof Int32Array) return values;
    return values instanceof Uint16Array ? new Uint16Array(values.length).fill(HALF_NAN) : new Float64Array(values.length).fill(NaN);
  };
  return new Map([...data].map(([name, values]) => [name, poison(values)]));
}
