import { backward } from "../backward.ts";
import { eliminateDeadCode } from "../deadCode.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import type { Program } from "../program.ts";
import { Tape } from "../tape.ts";
import { elementCount, type TensorSpec } from "../tensor.ts";
import type { CaseTensor, CaseValues, ConformanceCase } from "./conformanceCase.ts";
import { createRandom, seedOf } from "./random.ts";
import type { Tolerance } from "./tolerance.ts";

/** A tensor to compare after the run. */
export interface Check {
  readonly tensor: string;
  readonly kind: "output" | "gradient";
  readonly tolerance: Tolerance;
}

/** A case as a program, the data it starts from and what to look at afterwards. */
export interface RecordedCase {
  readonly name: string;
  readonly program: Program;
  readonly data: ReadonlyMap<string, CaseValues>;
  readonly checks: readonly Check[];
  /** Names [output, weights of its elements in the scalar that is differentiated]. */
  readonly seeds: readonly (readonly [output: string, seed: string])[];
  readonly trainable: readonly string[];
}

export const gradientName = (parameter: string): string => `gradient of ${parameter}`;

/**
 * The scalar sum(output * seed) that gradients are taken of. No backend implements it: its gradient hands the seed on, and
 * since nobody reads its value, the dead-code pass takes it out. So a gradient case runs the ops under test and no others.
 */
const seededSum: OpDefinition<Record<never, never>> = defineOp({
  name: "seededSum",
  infer: () => [{ shape: [1], dtype: "f32" }],
  gradient: ({ tape, inputs }) =>
    inputs.map((_, index) =>
      index % 2 === 1
        ? null
        : (addend, into) =>
            addend ? tape.add(addend, inputs[index + 1]!, into) : into ? tape.copy(inputs[index + 1]!, into) : inputs[index + 1]!,
    ),
});

/** Records forward and, where the case asks for it, backward pass as one program. */
export function recordCase(conformanceCase: ConformanceCase): RecordedCase {
  const { name, tensors, record, outputs, gradients } = conformanceCase;
  const tape = new Tape(name);
  const values = tensors.map((tensor) => tape.external(tensor.name, roleOf(tensor), tensor.shape, tensor.dtype, tensor.trainable));
  const written = record(tape, values, (output, shape) => tape.external(output, "output", shape, "f32", gradients !== undefined));
  const checks: Check[] = written.map((value, index) => ({ tensor: value.name, kind: "output", tolerance: outputs[index]! }));
  const seeds: (readonly [string, string])[] = [];
  const trainable = gradients ? tensors.filter((tensor) => tensor.trainable).map((tensor) => tensor.name) : [];

  if (gradients) {
    const pairs = gradients.seeded.flatMap((index) => {
      const output = written[index]!;
      const seed = tape.input(`seed of ${output.name}`, output.shape, "f32");
      seeds.push([output.name, seed.name]);
      return [output, seed];
    });
    backward(tape, tape.apply(seededSum, pairs, {})[0]!, (parameter) =>
      tape.external(gradientName(parameter.name), "gradient", parameter.shape),
    );
    for (const parameter of trainable) checks.push({ tensor: gradientName(parameter), kind: "gradient", tolerance: gradients.tolerance });
  }

  const program = eliminateDeadCode(tape.finish());
  const random = createRandom(seedOf(name));
  const data = new Map<string, CaseValues>(tensors.map((tensor) => [tensor.name, tensor.values(random)]));
  for (const tensor of program.tensors) {
    if (tensor.role !== "activation" && !data.has(tensor.name)) data.set(tensor.name, startOf(tensor, random.float));
  }
  return { name, program, data, checks, seeds, trainable };
}

function roleOf({ trainable, updated }: CaseTensor): "parameter" | "state" | "input" {
  return trainable ? "parameter" : updated ? "state" : "input";
}

/** Outputs start as NaN, seeds random, gradients as small numbers, since kernels must add to what earlier micro batches left there. */
function startOf(tensor: TensorSpec, float: () => number): CaseValues {
  const length = elementCount(tensor.shape);
  if (tensor.dtype === "i32") return new Int32Array(length).fill(-1);
  if (tensor.dtype === "f16") return new Uint16Array(length).fill(0x7e00);
  if (tensor.role === "output") return new Float64Array(length).fill(NaN);
  return Float64Array.from({ length }, () => Math.fround(tensor.role === "gradient" ? 0.1 * float() : float()));
}
