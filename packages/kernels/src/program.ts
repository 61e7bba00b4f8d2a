import { ProgramError } from "./errors.ts";
import type { Attributes, OpDefinition } from "./op.ts";
import { describeType, elementCount, sameShape, type TensorSpec, type TensorType } from "./tensor.ts";

/** One step of a program. Inputs and outputs are indices into the tensor table; an output may also be an input (update in place). */
export interface Instruction {
  readonly op: string;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly attributes: Attributes;
  /** The part of the computation that it belongs to: "block.<n>" for a layer's forward, "backward"; passes read it, backends need not. */
  readonly section?: string;
}

/** A flat list of ops over typed tensors. Plain data: JSON.stringify and JSON.parse give the same program back. */
export interface Program {
  readonly name: string;
  readonly tensors: readonly TensorSpec[];
  readonly instructions: readonly Instruction[];
}

/** Tensors that the caller binds: everything that is no activation. */
export function externalTensors(program: Program): readonly TensorSpec[] {
  return program.tensors.filter((tensor) => tensor.role !== "activation");
}

/**
 * Checks a program that came from outside (a file, another process): indices in range, known ops, shapes as the op table
 * infers them, unique external names, no activation read before it is written, in-place updates only where the op allows them. Throws ProgramError for the first fault.
 */
export function validateProgram(program: Program, table: ReadonlyMap<string, OpDefinition>): void {
  const names = new Set<string>();
  for (const tensor of program.tensors) {
    if (tensor.role !== "activation" && names.has(tensor.name)) {
      throw new ProgramError("invalid-program", `program ${program.name}: two external tensors are named ${tensor.name}`);
    }
    if (tensor.role !== "activation") names.add(tensor.name);
    if (tensor.shape.some((size) => !Number.isInteger(size) || size < 0) || !Number.isSafeInteger(elementCount(tensor.shape))) {
      throw new ProgramError(
        "invalid-program",
        `program ${program.name}: tensor ${tensor.name} has the shape [${tensor.shape.join(", ")}]`,
      );
    }
  }
  const written = new Set<number>();
  program.instructions.forEach((instruction, position) => {
    const where = `program ${program.name}, instruction ${position} (${instruction.op})`;
    const op = table.get(instruction.op);
    if (!op) throw new ProgramError("unknown-op", `${where}: no such op`, { op: instruction.op });
    for (const index of [...instruction.inputs, ...instruction.outputs]) {
      if (!program.tensors[index]) throw new ProgramError("invalid-program", `${where}: tensor ${index} is not in the table`);
    }
    for (const index of instruction.inputs) {
      if (program.tensors[index]!.role === "activation" && !written.has(index)) {
        throw new ProgramError("invalid-program", `${where}: reads ${program.tensors[index]!.name} before it is written`);
      }
    }
    const inferred = inferAt(
      where,
      op,
      instruction.inputs.map((index) => program.tensors[index]!),
      instruction.attributes,
    );
    inferred.forEach((type, slot) => {
      const output = program.tensors[instruction.outputs[slot]!];
      if (!output || !sameShape(output.shape, type.shape) || output.dtype !== type.dtype) {
        throw new ProgramError(
          "shape-mismatch",
          `${where}: output ${slot} must be ${describeType(type)}, the table says ${output ? describeType(output) : "nothing"}`,
        );
      }
    });
    instruction.outputs.forEach((index, output) => {
      written.add(index);
      instruction.inputs.forEach((input, slot) => {
        if (input !== index || op.mayAlias?.some((pair) => pair[0] === output && pair[1] === slot)) return;
        throw new ProgramError(
          "invalid-program",
          `${where}: output ${output} is written over input ${slot}, ${program.tensors[index]!.name}, which this op cannot do`,
          { op: op.name },
        );
      });
    });
  });
}

/** Infers, and says which instruction it was when that fails. */
function inferAt(where: string, op: OpDefinition, inputs: readonly TensorSpec[], attributes: Attributes): readonly TensorType[] {
  try {
    return op.infer(inputs, attributes);
  } catch (error) {
    if (error instanceof ProgramError) throw new ProgramError(error.code, `${where}: ${error.message}`, { op: op.name });
    throw error;
  }
}
