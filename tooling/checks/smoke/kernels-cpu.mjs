import assert from "node:assert/strict";
import { matmul, Tape } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";

const backend = await createCpuBackend({ threads: 2 });
const tape = new Tape("smoke");
const a = tape.input("a", [2, 3], "f32");
const b = tape.input("b", [4, 3], "f32");
tape.apply(matmul, [a, b], { transposeA: false, transposeB: true, alpha: 1 }, [tape.output("y", [2, 4])]);
const program = JSON.parse(JSON.stringify(tape.finish()));
const buffers = new Map(program.tensors.map((tensor) => [tensor.name, backend.allocate(tensor)]));
backend.upload(buffers.get("a"), Float32Array.of(1, 2, 3, 4, 5, 6));
backend.upload(buffers.get("b"), Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1));
backend.run(await backend.compile(program, buffers));
assert.deepEqual([...(await backend.download(buffers.get("y")))], [1, 2, 3, 6, 4, 5, 6, 15]);
await backend.dispose();
console.log("@sft/kernels-cpu alone: a matmul on two threads");
