import type { Backend, BackendBuffer, HostArray, Program, TensorSpec } from "@sft/kernels";

/** Buffers by name for all tensors that a program binds, each with the data that `fill` has for it. */
export function bindTensors(backend: Backend, program: Program, fill: (tensor: TensorSpec) => HostArray): Map<string, BackendBuffer> {
  const buffers = new Map<string, BackendBuffer>();
  for (const tensor of program.tensors) {
    if (tensor.role === "activation") continue;
    const buffer = backend.allocate(tensor);
    backend.upload(buffer, fill(tensor));
    buffers.set(tensor.name, buffer);
  }
  return buffers;
}

/** Binds and fills a program's tensors and runs it once. @returns its outputs, gradients and states by name */
export async function resultsOf(
  backend: Backend,
  program: Program,
  fill: (tensor: TensorSpec) => HostArray,
): Promise<Map<string, HostArray>> {
  const buffers = bindTensors(backend, program, fill);
  backend.run(await backend.compile(program, buffers));
  const results = program.tensors.filter(({ role }) => role === "output" || role === "gradient" || role === "state");
  return new Map(await Promise.all(results.map(async ({ name }) => [name, await backend.download(buffers.get(name)!)] as const)));
}
