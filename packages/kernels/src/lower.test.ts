import { describe, expect, it } from "vitest";
import { lowerProgram } from "./lower.ts";
import { gatedActivation, gatedActivationGrad } from "./ops/activation.ts";
import { opTable } from "./ops/index.ts";
import { matmul } from "./ops/matmul.ts";
import { validateProgram, type Program } from "./program.ts";
import { Tape } from "./tape.ts";
import { describeProgram } from "./testing/describeProgram.ts";

const without = (...ops: readonly string[]): Set<string> => new Set([...opTable.keys()].filter((op) => !ops.includes(op)));

function gatedProgram(): Program {
  const tape = new Tape("gated");
  const [dy, gate, up] = ["dy", "gate", "up"].map((name) => tape.input(name, [4, 4], "f32"));
  const y = tape.apply(gatedActivation, [gate!, up!], { kind: "silu" })[0]!;
  tape.apply(matmul, [y, y], { transposeA: false, transposeB: false, alpha: 1 }, [tape.output("y", [4, 4])]);
  tape.apply(gatedActivationGrad, [dy!, gate!, up!], { kind: "silu" }, [tape.output("dGate", [4, 4]), up]);
  return tape.finish();
}

describe("lowerProgram", () => {
  it("returns a program that needs no change as it is", () => {
    const program = gatedProgram();
    expect(lowerProgram(program, without(), opTable)).toBe(program);
  });

  it("builds a missing op from others, and results still reach their tensors", () => {
    const lowered = lowerProgram(gatedProgram(), without("gatedActivation", "gatedActivationGrad"), opTable);
    expect(() => validateProgram(lowered, opTable)).not.toThrow();
    expect(describeProgram(lowered)).toMatchInlineSnapshot(`
      "%0 = activation(gate)
      %1 = multiply(%0, up)
      y = matmul(%1, %1)
      %2 = activationGrad(dy, gate)
      %3 = multiply(%2, up)
      %4 = activation(gate)
      %5 = multiply(dy, %4)
      dGate = copy(%3)
      up = copy(%5)"
    `);
  });

  it("keeps names, roles and types of what the caller binds", () => {
    const program = gatedProgram();
    const bound = (one: Program): unknown[] =>
      one.tensors.filter((tensor) => tensor.role !== "activation").toSorted((a, b) => a.name.localeCompare(b.name));
    expect(bound(lowerProgram(program, without("gatedActivation"), opTable))).toEqual(bound(program));
  });

  it("refuses by name every op that nothing stands in for", () => {
    expect(() => lowerProgram(gatedProgram(), without("matmul", "gatedActivation"), opTable)).toThrowErrorMatchingInlineSnapshot(`
      [BackendError: program gated needs matmul, which this backend does not implement
      Implement the op in the backend, or give it a \`lower\` rule in the op table.]
    `);
  });
});
