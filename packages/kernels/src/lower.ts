import { BackendError, ProgramError } from "./errors.ts";
import type { OpDefinition } from "./op.ts";
import type { Program } from "./program.ts";
import { Tape, type Value } from "./tape.ts";

/**
 * Rewrites the ops that a backend lacks with the op table's own lowering, until only supported ops are left.
 * A program that needs no change is returned as it is.
 * @throws BackendError "unsupported-op" naming every op that has no lowering.
 */
export function lowerProgram(program: Program, supported: ReadonlySet<string>, table: ReadonlyMap<string, OpDefinition>): Program {
  const missing = new Set(program.instructions.map((instruction) => instruction.op).filter((op) => !supported.has(op)));
  if (missing.size === 0) return program;
  const refused = [...missing].filter((op) => !table.get(op)?.lower);
  if (refused.length > 0) {
    throw new BackendError("unsupported-op", `program ${program.name} needs ${refused.join(", ")}, which this backend does not implement`, {
      hint: "Implement the op in the backend, or give it a `lower` rule in the op table.",
    });
  }
  const tape = new Tape(program.name);
  const values: (Value | undefined)[] = program.tensors.map((tensor) =>
    tensor.role === "activation" ? undefined : tape.external(tensor.name, tensor.role, tensor.shape, tensor.dtype),
  );
  for (const instruction of program.instructions) {
    const op = table.get(instruction.op);
    if (!op) throw new ProgramError("unknown-op", `program ${program.name}: no op is named ${instruction.op}`, { op: instruction.op });
    const inputs = instruction.inputs.map((index) => values[index]!);
    const targets = instruction.outputs.map((index) => values[index]);
    const outputs = missing.has(op.name)
      ? op.lower!(tape, inputs, instruction.attributes)
      : tape.apply(op, inputs, instruction.attributes, targets);
    outputs.forEach((output, slot) => {
      const target = targets[slot];
      values[instruction.outputs[slot]!] = target && target !== output ? tape.copy(output, target) : output;
    });
  }
  return lowerProgram(tape.finish(), supported, table);
}
