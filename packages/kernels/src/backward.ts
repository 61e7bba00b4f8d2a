import { ProgramError } from "./errors.ts";
import { fill } from "./ops/elementwise.ts";
import type { Contribution } from "./op.ts";
import type { Tape, Value } from "./tape.ts";

/**
 * Appends the backward pass of `loss` (shape [1]) to the tape by the op table's gradient rules, in reverse order.
 * Every trainable parameter's gradient is added in place into the tensor that `gradientOf` gives for it, so that micro
 * batches accumulate; the caller zeroes those tensors once an optimiser step.
 * @throws ProgramError "no-gradient" when the loss depends on no trainable parameter.
 */
export function backward(tape: Tape, loss: Value, gradientOf: (parameter: Value) => Value): void {
  if (!loss.requiresGradient) {
    throw new ProgramError("no-gradient", `${tape.name}: the loss depends on no trainable parameter`);
  }
  const gradients = new Map<number, Value>();
  gradients.set(loss.id, tape.apply(fill, [], { value: 1, length: 1 })[0]!);

  const contribute = (target: Value, contribution: Contribution): void => {
    if (target.role === "parameter") {
      const accumulated = gradientOf(target);
      contribution(accumulated, accumulated);
    } else {
      gradients.set(target.id, contribution(gradients.get(target.id) ?? null, undefined));
    }
  };

  for (const entry of tape.entries.slice().reverse()) {
    if (!entry.op.gradient) continue;
    const outputGradients = entry.outputs.map((output) => gradients.get(output.id) ?? null);
    const needs = entry.inputs.map((input) => input.requiresGradient);
    if (!needs.some(Boolean) || outputGradients.every((gradient) => gradient === null)) continue;
    const contributions = entry.op.gradient({ tape, inputs: entry.inputs, outputs: entry.outputs, attributes: entry.attributes, outputGradients, needs });
    contributions.forEach((contribution, index) => {
      if (contribution && needs[index]) contribute(entry.inputs[index]!, contribution);
    });
  }
}
