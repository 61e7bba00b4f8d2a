import { ProgramError } from "./errors.ts";
import type { Attributes, OpDefinition } from "./op.ts";
import { add, copy } from "./ops/elementwise.ts";
import type { Instruction, Program } from "./program.ts";
import { describeType, sameShape, type DType, type TensorRole, type TensorSpec, type TensorType } from "./tensor.ts";

/** A tensor while a program is being recorded. */
export interface Value extends TensorType {
  readonly id: number;
  readonly name: string;
  readonly role: TensorRole;
  /** True when a gradient can flow to it: a trainable parameter, or computed from one. */
  readonly requiresGradient: boolean;
}

interface TapeEntry {
  readonly op: OpDefinition;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
  readonly section: string | undefined;
}

/** Records ops one after the other; `finish` gives the Program, `backward` (backward.ts) appends the gradient ops. */
export class Tape {
  readonly name: string;
  readonly entries: TapeEntry[] = [];
  private readonly values: Value[] = [];
  private readonly externals = new Map<string, Value>();
  private section: string | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Declares a tensor that the caller binds by name. Declaring the same name again gives the same value. */
  external(
    name: string,
    role: Exclude<TensorRole, "activation">,
    shape: readonly number[],
    dtype: DType = "f32",
    trainable = false,
  ): Value {
    const known = this.externals.get(name);
    if (known) {
      if (!sameShape(known.shape, shape) || known.dtype !== dtype) {
        throw new ProgramError(
          "shape-mismatch",
          `tensor ${name} was declared as ${describeType(known)} and now as ${describeType({ shape, dtype })}`,
        );
      }
      return known;
    }
    const value = this.newValue({ name, role, shape, dtype }, trainable);
    this.externals.set(name, value);
    return value;
  }

  input(name: string, shape: readonly number[], dtype: DType = "i32"): Value {
    return this.external(name, "input", shape, dtype);
  }

  output(name: string, shape: readonly number[], dtype: DType = "f32"): Value {
    return this.external(name, "output", shape, dtype);
  }

  parameter(name: string, shape: readonly number[], trainable: boolean, dtype: DType = "f32"): Value {
    return this.external(name, "parameter", shape, dtype, trainable);
  }

  /** Records one op and returns its outputs. `into[i]` writes output i to a tensor that exists already. */
  apply<A extends Attributes>(
    op: OpDefinition<A>,
    inputs: readonly Value[],
    attributes: A,
    into: readonly (Value | undefined)[] = [],
  ): readonly Value[] {
    const types = op.infer(inputs, attributes);
    const requiresGradient = op.gradient !== undefined && inputs.some((input) => input.requiresGradient);
    const outputs = types.map((type, slot) => {
      const target = into[slot];
      if (!target) return this.newValue({ name: `${op.name}.${this.values.length}`, role: "activation", ...type }, requiresGradient);
      if (!sameShape(target.shape, type.shape) || target.dtype !== type.dtype) {
        throw new ProgramError(
          "shape-mismatch",
          `${op.name}: output ${slot} is ${describeType(type)} and cannot be written into ${target.name}, ${describeType(target)}`,
          { op: op.name },
        );
      }
      return target;
    });
    this.entries.push({ op: op as unknown as OpDefinition, inputs, outputs, attributes, section: this.section });
    return outputs;
  }

  /** Marks the instructions that `record` adds as one section: "block.<n>" for a layer, "backward". */
  inSection<T>(section: string, record: () => T): T {
    const outer = this.section;
    this.section = section;
    try {
      return record();
    } finally {
      this.section = outer;
    }
  }

  /** a + b, the sum that gradient accumulation needs everywhere. */
  add(a: Value, b: Value, into?: Value): Value {
    return this.apply(add, [a, b], {}, [into])[0]!;
  }

  /** Copies a tensor, mostly to a named output. */
  copy(value: Value, into?: Value): Value {
    return this.apply(copy, [value], {}, [into])[0]!;
  }

  /** The program recorded so far, as plain data. */
  finish(): Program {
    const tensors: TensorSpec[] = this.values.map(({ name, role, shape, dtype }) => ({ name, role, shape: [...shape], dtype }));
    const instructions: Instruction[] = this.entries.map((entry) => ({
      op: entry.op.name,
      inputs: entry.inputs.map((value) => value.id),
      outputs: entry.outputs.map((value) => value.id),
      attributes: { ...entry.attributes },
      ...(entry.section === undefined ? {} : { section: entry.section }),
    }));
    return { name: this.name, tensors, instructions };
  }

  private newValue(spec: TensorSpec, requiresGradient: boolean): Value {
    const value: Value = { ...spec, id: this.values.length, requiresGradient };
    this.values.push(value);
    return value;
  }
}
