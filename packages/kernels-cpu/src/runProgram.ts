import { type Backend, type BackendBuffer, externalTensors, type HostArray, type Program } from "@sft/kernels";

/** Runs a program once on given data and reads every external tensor back, by name. For tests. */
export async function runProgram(
  backend: Backend,
  program: Program,
  data: ReadonlyMap<string, ArrayLike<number>>,
): Promise<ReadonlyMap<string, HostArray>> {
  const buffers = new Map<string, BackendBuffer>();
  for (const tensor of externalTensors(program)) {
    const buffer = backend.allocate(tensor);
    const values = data.get(tensor.name);
    if (values) backend.upload(buffer, tensor.dtype === "i32" ? Int32Array.from(values) : Float64Array.from(values));
    buffers.set(tensor.name, buffer);
  }
  const executable = await backend.compile(program, buffers);
  backend.run(executable);
  const results = new Map<string, HostArray>();
  for (const [name, buffer] of buffers) {
    results.set(name, await backend.download(buffer));
    backend.free(buffer);
  }
  backend.free(executable);
  return results;
}
