import { ProgramError } from "./errors.ts";
import { fill } from "./ops/elementwise.ts";
import type { Contribution } from "./op.ts";
import type { Tape, Value } from "./tape.ts";
import { describeType } from "./tensor.ts";

/**
 * Appends the backward pass of `loss` (shape [1]) to the tape by the op table's gradient rules, in reverse order.
 * Every trainable parameter's gradient is added in place into the tensor that `gradientOf` gives for it, so that micro
 * batches accumulate; two that stand for one, such as a parameter and its float16 copy, may share a tensor. With `overwrite` what those
 * tensors held is lost, as the first micro batch of a step wants it; a parameter that the loss does not depend on is never asked for,
 * and its tensor stays as it is.
 * @throws ProgramError "shape-mismatch" when the loss is no scalar, "no-gradient" when the loss depends on no trainable parameter, or on an
 * output that is no op's first: row statistics and the like have no gradient rule.
 */
export function backward(
  tape: Tape,
  loss: Value,
  gradientOf: (parameter: Value) => Value,
  { overwrite = false }: { readonly overwrite?: boolean } = {},
): void {
  if (loss.shape.length !== 1 || loss.shape[0] !== 1) {
    throw new ProgramError("shape-mismatch", `${tape.name}: the loss must have the shape [1], got ${describeType(loss)}`);
  }
  if (!loss.requiresGradient) {
    throw new ProgramError("no-gradient", `${tape.name}: the loss depends on no trainable parameter`, {
      hint:
        loss.role === "output"
          ? `Gradients do not flow through ${loss.name}, which is bound as an output: take the op's own result as the loss and copy it there.`
          : undefined,
    });
  }
  tape.inSection("backward", () => appendGradients(tape, loss, gradientOf, overwrite));
}

function appendGradients(tape: Tape, loss: Value, gradientOf: (parameter: Value) => Value, overwrite: boolean): void {
  const gradients = new Map<number, Value>();
  /** Tensors of parameters' gradients that hold a contribution of this pass. */
  const begun = new Set<number>();
  gradients.set(loss.id, tape.apply(fill, [], { value: 1, length: 1 })[0]!);

  const contribute = (target: Value, contribution: Contribution): void => {
    if (target.role === "parameter") {
      const accumulated = gradientOf(target);
      contribution(overwrite && !begun.has(accumulated.id) ? null : accumulated, accumulated);
      begun.add(accumulated.id);
    } else {
      gradients.set(target.id, contribution(gradients.get(target.id) ?? null, undefined));
    }
  };

  for (const entry of tape.entries.slice().reverse()) {
    if (!entry.op.gradient) continue;
    const outputGradients = entry.outputs.map((output) => gradients.get(output.id) ?? null);
    const needs = entry.inputs.map((input) => input.requiresGradient);
    if (!needs.some(Boolean) || outputGradients.every((gradient) => gradient === null)) continue;
    const second = outputGradients.findIndex((gradient, slot) => slot > 0 && gradient !== null);
    if (second !== -1) {
      throw new ProgramError(
        "no-gradient",
        `${tape.name}: the loss depends on output ${second} of ${entry.op.name}, but gradients flow through output 0 alone`,
        { op: entry.op.name },
      );
    }
    const contributions = entry.op.gradient({
      tape,
      inputs: entry.inputs,
      outputs: entry.outputs,
      attributes: entry.attributes,
      outputGradients,
      needs,
    });
    contributions.forEach((contribution, index) => {
      if (contribution && needs[index]) contribute(entry.inputs[index]!, contribution);
    });
  }
}
