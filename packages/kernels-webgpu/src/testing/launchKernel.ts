export type Workgroups = readonly [x: number, y?: number, z?: number];

/** Runs one kernel with its bindings in order, and gives the bytes that `results` hold afterwards. */
export async function launchKernel(
  device: GPUDevice,
  wgsl: string,
  bindings: readonly GPUBufferBinding[],
  workgroups: Workgroups,
  results: readonly GPUBuffer[],
): Promise<readonly ArrayBuffer[]> {
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code: wgsl }), entryPoint: "main" },
  });
  const entries = bindings.map((resource, binding) => ({ binding, resource }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  const reads = results.map((result) => {
    const read = device.createBuffer({ size: result.size, usage: 0x1 | 0x8 });
    encoder.copyBufferToBuffer(result, 0, read, 0, result.size);
    return read;
  });
  device.queue.submit([encoder.finish()]);
  await Promise.all(reads.map((read) => read.mapAsync(1)));
  return reads.map((read) => read.getMappedRange().slice(0));
}
