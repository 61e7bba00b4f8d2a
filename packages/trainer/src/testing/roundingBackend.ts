import { wrapBackend, type Backend, type Program, type TensorSpec } from "@sft/kernels";

/**
 * A backend that rounds the weights of its products to float16, as matrix units do, and says so; with `holdsHalves` it also says that it
 * reads weights that lie in float16. `compiled` receives every program as it was given.
 */
export function roundingBackend(backend: Backend, holdsHalves: boolean, compiled: Program[] = []): Backend {
  return wrapBackend(backend, {
    capabilities: { ...backend.capabilities, halfWeights: holdsHalves, productRoundoff: 2 ** -11 },
    compile(program, bindings) {
      compiled.push(program);
      return backend.compile(roundWeights(program), bindings);
    },
  });
}

/** Ops whose kernels multiply with a weight. */
const products: ReadonlySet<string> = new Set(["matmul", "linearCrossEntropy", "linearCrossEntropyGrad", "linearCrossEntropyWeightGrad"]);

/** Casts every float32 parameter to float16 right before each product that reads it. */
function roundWeights(program: Program): Program {
  const tensors: TensorSpec[] = [...program.tensors];
  const instructions = program.instructions.flatMap((instruction) => {
    if (!products.has(instruction.op)) return [instruction];
    const casts = instruction.inputs.map((index) => {
      const { name, role, shape, dtype } = program.tensors[index]!;
      if (role !== "parameter" || dtype !== "f32") return { index };
      const rounded = tensors.push({ name: `${name} rounded`, role: "activation", shape, dtype: "f16" }) - 1;
      return { index: rounded, cast: { op: "cast", inputs: [index], outputs: [rounded], attributes: { dtype: "f16" } } };
    });
    return [...casts.flatMap(({ cast }) => (cast ? [cast] : [])), { ...instruction, inputs: casts.map(({ index }) => index) }];
  });
  return { ...program, tensors, instructions };
}
