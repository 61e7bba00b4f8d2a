import { bytesPerElement, elementCount, type BackendBuffer, type Program, type TensorSpec } from "@sft/kernels";
import { compileProgram, type CompileContext } from "../compileProgram.ts";
import { timeDispatches } from "../dispatchTimer.ts";
import { encodeDispatches, type GpuExecutable } from "../executable.ts";
import { paddedBytes, TENSOR_USAGE, type GpuTensor } from "../gpuBuffer.ts";
import type { ProductClass } from "../ops/matmul/productClass.ts";
import { ScratchPool } from "../scratchPool.ts";

/** One product as a program with nothing else in it. */
export function productProgram({ m, n, k, transposeA, transposeB, a, b, y }: ProductClass): Program {
  const tensor = (name: string, role: TensorSpec["role"], shape: readonly number[], dtype: TensorSpec["dtype"]): TensorSpec => ({
    name,
    role,
    shape,
    dtype,
  });
  return {
    name: "product",
    tensors: [
      tensor("a", "input", transposeA ? [k, m] : [m, k], a),
      tensor("b", "input", transposeB ? [n, k] : [k, n], b),
      tensor("y", "output", [m, n], y),
    ],
    instructions: [{ op: "matmul", inputs: [0, 1], outputs: [2], attributes: { transposeA, transposeB, alpha: 1 } }],
  };
}

/** Bytes of a product's operands and result. */
export function productBytes(product: ProductClass): readonly number[] {
  return productProgram(product).tensors.map(({ shape, dtype }) => elementCount(shape) * bytesPerElement(dtype));
}

/**
 * Milliseconds that a product takes with one tile: the least of a few runs after one to warm up, which together take about
 * `budget` milliseconds, or two runs where one takes longer. By the device's own clock where it has one, else by `now` around
 * a wait for the device. Operands are zeros. All memory is given back.
 * @throws BackendError "out-of-memory" where operands do not fit beside what is there
 */
export async function measureProduct(
  context: CompileContext,
  product: ProductClass,
  tile: string,
  budget: number,
  now: () => number = () => performance.now(),
): Promise<number> {
  const { device, queue, faults } = context;
  const program = productProgram(product);
  const buffers: GpuTensor[] = [];
  let executable: GpuExecutable | undefined;
  try {
    await faults.scoped("timing a product's tiles: allocating its operands", () => {
      for (const { shape, dtype } of program.tensors) {
        const length = elementCount(shape);
        const gpu = device.createBuffer({ size: paddedBytes(length * bytesPerElement(dtype)), usage: TENSOR_USAGE });
        buffers.push({ dtype, length, gpu, byteOffset: 0, freed: false });
      }
    });
    const alone: CompileContext = {
      ...context,
      limits: { ...context.limits, matrixUnits: product.matrixUnits, halfStorage: false, tiles: { get: () => tile } },
      scratchPool: new ScratchPool(device),
      buffers: new Set<BackendBuffer>(buffers),
    };
    const bindings = new Map(program.tensors.map(({ name }, index) => [name, buffers[index]! as BackendBuffer]));
    const compiled = (executable = await compileProgram(alone, program, bindings));
    await faults.orLost(queue.onSubmittedWorkDone());
    const run = device.features.has("timestamp-query")
      ? async () => (await faults.orLost(timeDispatches(device, queue, compiled))).reduce((sum, { milliseconds }) => sum + milliseconds, 0)
      : async () => {
          const start = now();
          encodeDispatches(device, queue, compiled.dispatches);
          await faults.orLost(queue.onSubmittedWorkDone());
          return now() - start;
        };
    const first = await run();
    let least = Infinity;
    for (let left = repeatsWithin(budget, first); left > 0; left--) least = Math.min(least, await run());
    return least;
  } finally {
    executable?.scratch.release();
    executable?.parameters?.destroy();
    for (const { gpu } of buffers) gpu.destroy();
  }
}

/** Runs that fit into a budget of milliseconds, from one to nine. */
export function repeatsWithin(budget: number, milliseconds: number): number {
  return Math.max(1, Math.min(9, Math.floor(budget / Math.max(milliseconds, 1e-3)) - 1));
}
