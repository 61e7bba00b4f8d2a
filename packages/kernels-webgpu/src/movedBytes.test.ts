import { adamw, opTable, Tape } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits } from "./dispatch.ts";
import { listDispatches } from "./listDispatches.ts";
import { movedBytes } from "./movedBytes.ts";

it("counts what is updated in place twice, and what is only read or only written once", () => {
  const tape = new Tape("update");
  const [parameter, gradient, m, v] = ["parameter", "gradient", "m", "v"].map((name) => tape.external(name, "state", [1024]));
  const [schedule, gate] = [tape.input("schedule", [4], "f32"), tape.input("gate", [3], "f32")];
  const attributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 };
  tape.apply(adamw, [parameter!, gradient!, m!, v!, schedule, gate], attributes, [parameter, m, v]);
  tape.copy(parameter!, tape.output("copied", [1024]));
  const list = listDispatches(tape.finish(), opTable, defaultLimits);
  // Three tensors read and written, the gradient read, the schedule and the gate; then one read and one written.
  expect(movedBytes(list, (tensor) => tensor)).toEqual([4 * (7 * 1024 + 4 + 3), 4 * 2 * 1024]);
});
