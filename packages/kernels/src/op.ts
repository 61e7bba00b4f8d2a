import { ProgramError } from "./errors.ts";
import type { Tape, Value } from "./tape.ts";
import { describeType, sameShape, type TensorType } from "./tensor.ts";

/** Attributes are plain data, so that a program can be serialised. */
export type Attributes = Readonly<Record<string, number | boolean | string>>;

/**
 * Adds one gradient contribution: returns `addend + contribution` (or the contribution alone when `addend` is null).
 * With `into` the result must be written to that tensor, which may be `addend` itself.
 */
export type Contribution = (addend: Value | null, into: Value | undefined) => Value;

/** What a gradient rule sees. `needs[i]` says whether input i wants a gradient at all. */
export interface GradientContext<A extends Attributes> {
  readonly tape: Tape;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: A;
  /** Gradient of the loss by each output; null where no path leads from that output to the loss. */
  readonly outputGradients: readonly (Value | null)[];
  readonly needs: readonly boolean[];
}

/** One row of the op table: the contract that every backend implements. */
export interface OpDefinition<A extends Attributes = Attributes> {
  readonly name: string;
  /** Checks the inputs and gives the outputs' types; throws ProgramError naming op and operand. */
  readonly infer: (inputs: readonly TensorType[], attributes: A) => readonly TensorType[];
  /**
   * Gradient as other ops, given that of the first output (no gradient flows through further ones): one contribution (or
   * null) an input. Absent for ops that nothing differentiates through.
   */
  readonly gradient?: (context: GradientContext<A>) => readonly (Contribution | null)[];
  /** Pairs [output, input] that may share storage: element i of the output depends on element i of that input alone. */
  readonly mayAlias?: readonly (readonly [output: number, input: number])[];
  /** Builds the same result from other ops, for backends that lack this one. */
  readonly lower?: (tape: Tape, inputs: readonly Value[], attributes: A) => readonly Value[];
}

/** Identity with inference, so that an op file reads as one object. */
export function defineOp<A extends Attributes>(definition: OpDefinition<A>): OpDefinition<A> {
  return definition;
}

/** A contribution from an op without an addend of its own: an `add` follows when something is already there. */
export function addedTo(tape: Tape, contribution: () => Value): Contribution {
  return (addend, into) => {
    const value = contribution();
    if (addend) return tape.add(addend, value, into);
    return into ? tape.copy(value, into) : value;
  };
}

/** Shape checks shared by the op files; each throws a ProgramError that names op, operand, expected and found. */
export const expectType = {
  rank(op: string, operand: string, type: TensorType, rank: number): void {
    if (type.shape.length !== rank) {
      throw new ProgramError("shape-mismatch", `${op}: ${operand} must have ${rank} dimensions, got ${describeType(type)}`, { op });
    }
  },
  shape(op: string, operand: string, type: TensorType, shape: readonly number[]): void {
    if (!sameShape(type.shape, shape)) {
      throw new ProgramError("shape-mismatch", `${op}: ${operand} must be [${shape.join(", ")}], got ${describeType(type)}`, { op });
    }
  },
  dtype(op: string, operand: string, type: TensorType, ...allowed: readonly TensorType["dtype"][]): void {
    if (!allowed.includes(type.dtype)) {
      throw new ProgramError("dtype-mismatch", `${op}: ${operand} must be ${allowed.join(" or ")}, got ${describeType(type)}`, { op });
    }
  },
  count(op: string, inputs: readonly TensorType[], min: number, max: number = min): void {
    if (inputs.length < min || inputs.length > max) {
      throw new ProgramError("invalid-program", `${op}: takes ${min === max ? min : `${min} to ${max}`} inputs, got ${inputs.length}`, {
        op,
      });
    }
  },
};
