import { matmul, Tape } from "@sft/kernels";
import { expect, it } from "vitest";
import { createCpuBackend, type CpuBackendOptions } from "./backend.ts";

it.each<[string, CpuBackendOptions]>([
  ["float32", { threads: 1 }],
  ["float64", { precision: "float64" }],
])("a product takes float16 weights in %s", async (_, options) => {
  const backend = await createCpuBackend(options);
  const tape = new Tape("half");
  const inputs = [tape.external("x", "input", [2, 2], "f32"), tape.external("w", "parameter", [3, 2], "f16")];
  tape.apply(matmul, inputs, { transposeA: false, transposeB: true, alpha: 2 }, [tape.output("y", [2, 3])]);
  const program = tape.finish();
  const buffers = new Map(program.tensors.map((tensor) => [tensor.name, backend.allocate(tensor)]));
  backend.upload(buffers.get("x")!, Float32Array.of(1, 2, 3, 4));
  backend.upload(buffers.get("w")!, Uint16Array.of(0x3c00, 0xc000, 0x3800, 0, 0, 0x4200)); // 1 -2, 0.5 0, 0 3
  backend.run(await backend.compile(program, buffers));
  expect([...(await backend.download(buffers.get("y")!))]).toEqual([-6, 1, 12, -10, 3, 24]);
  await backend.dispose();
});
