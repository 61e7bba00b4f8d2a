import type { Backend, BackendBuffer, HostArray, Program } from "@sft/kernels";
import { externalTensors } from "@sft/kernels";

/** Runs a program once on given data and reads every external tensor back, by name. For tests and benches. */
export async function runProgram(backend: Backend, program: Program, data: Readonly<Record<string, readonly number[]>>): Promise<Record<string, HostArray>> {
  const buffers = new Map<string, BackendBuffer>();
  for (const tensor of externalTensors(program)) {
    const buffer = backend.allocate(tensor);
    const values = data[tensor.name];
    if (values) backend.upload(buffer, tensor.dtype === "i32" ? Int32Array.from(values) : Float64Array.from(values));
    buffers.set(tensor.name, buffer);
  }
  const executable = await backend.compile(program, buffers);
  backend.run(executable);
  const results: Record<string, HostArray> = {};
  for (const [name, buffer] of buffers) {
    results[name] = await backend.download(buffer);
    backend.free(buffer);
  }
  backend.free(executable);
  return results;
}
