import { elementCount } from "@sft/kernels";
import type { Emitter, OpCall, OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import { matmul } from "./matmul.ts";

/** Parts of the depth that a product on matrix units adds up in a launch of its own, its last; 1 where it has none. */
export function partsOfDepth(call: OpCall, limits: Emitter["limits"]): number {
  const planes: number[] = [];
  const sums: boolean[] = [];
  matmul(
    {
      limits,
      scratch(type) {
        planes.push(type.shape[0]! / call.outputs[0]!.shape[0]!);
        return { ...type, storage: -1 };
      },
      dispatch: (kernel) => void sums.push(addsUp(kernel)),
    },
    call,
  );
  // A product that is launched by rows has several sums, of some rows each.
  return planes.length === 1 && sums.filter(Boolean).length === 1 ? planes[0]! : 1;
}

/** Launches a product without its sum: the output is the planes of the depth's parts, (parts, m, n) in float32. */
export const matmulParts: OpEmitter = (emitter, { inputs, outputs: [planes], ...call }) => {
  const y = { ...planes!, shape: planes!.shape.slice(1) };
  matmul(
    {
      limits: emitter.limits,
      scratch: () => planes!,
      dispatch(kernel, ...rest) {
        if (!addsUp(kernel)) emitter.dispatch(kernel, ...rest);
      },
    },
    { ...call, inputs, outputs: [y] },
  );
};

/**
 * Adds up the parts of several products in one launch: inputs are the planes of each, and after them every y that is added to;
 * outputs are y of each, (m, n) in float32; attributes are alpha0, accumulate0, alpha1 and so on.
 */
export const sumParts: OpEmitter = (emitter, { inputs, outputs, attributes }) => {
  const bindings = outputs.flatMap((y, i) => [[`parts${i}`, inputs[i]!] as const, [`y${i}`, y] as const]);
  const lengths = outputs.map(({ shape }) => elementCount(shape) / 4);
  const parameters = lengths.flatMap((length, i) => [
    [`length${i}`, length] as const,
    [`count${i}`, inputs[i]!.shape[0]!] as const,
    [`alpha${i}`, attributes[`alpha${i}`] as number] as const,
    [`accumulate${i}`, attributes[`accumulate${i}`] === true ? 1 : 0] as const,
  ]);
  const threads = lengths.reduce((sum, length) => sum + length, 0);
  emitter.dispatch(
    sumSeveralKernel(outputs.length),
    Object.fromEntries(bindings),
    Object.fromEntries(parameters),
    linearGrid(Math.ceil(threads / 256), emitter.limits),
  );
};

/** y = alpha * sum over the parts in ascending order (+ y), for several products; the threads number their vec4f one after the other. */
export function sumSeveralKernel(products: number): Kernel {
  const each = Array.from({ length: products }, (_, index) => index);
  const bindings = each.flatMap((i) => [[`parts${i}`, "read vec4f"] as const, [`y${i}`, "read_write vec4f"] as const]);
  const parameters = each.flatMap((i) => [
    [`length${i}`, "u32"] as const,
    [`count${i}`, "u32"] as const,
    [`alpha${i}`, "f32"] as const,
    [`accumulate${i}`, "u32"] as const,
  ]);
  return kernelVariant(`sumParts|${products} products`, () => ({
    label: `matmul, sums of depth parts of ${products}`,
    workgroupSize: [256, 1],
    bindings: Object.fromEntries(bindings),
    parameters: Object.fromEntries(parameters),
    body: `
  var at = (${linearGroup}) * 256u + lane;
${each
  .map(
    (i) => `  if (at < p.length${i}) {
    var sum = vec4f();
    for (var part = 0u; part < p.count${i}; part++) { sum += parts${i}[part * p.length${i} + at]; }
    sum *= p.alpha${i};
    if (p.accumulate${i} != 0u) { sum += y${i}[at]; }
    y${i}[at] = sum;
    return;
  }
  at -= p.length${i};`,
  )
  .join("\n")}`,
  }));
}

/** Whether a kernel is the one that adds up the parts of a product. */
function addsUp(kernel: Kernel): boolean {
  return "parts" in kernel.source.bindings;
}
