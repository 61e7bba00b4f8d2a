import type { Program } from "../program.ts";

/** One line an instruction, `outputs = op(inputs)`, for snapshots and for reading. Activations are named %0, %1 in order of their first use. */
export function describeProgram(program: Program): string {
  const names = new Map<number, string>();
  const nameOf = (index: number): string => {
    const tensor = program.tensors[index]!;
    if (tensor.role !== "activation") return tensor.name;
    if (!names.has(index)) names.set(index, `%${names.size}`);
    return names.get(index)!;
  };
  return program.instructions
    .map(({ op, inputs, outputs }) => {
      const read = inputs.map(nameOf).join(", ");
      return `${outputs.map(nameOf).join(", ")} = ${op}(${read})`;
    })
    .join("\n");
}
