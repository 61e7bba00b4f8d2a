import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eliminateDeadCode } from "./deadCode.ts";
import { scale, zero } from "./ops/elementwise.ts";
import { opTable } from "./ops/index.ts";
import { externalTensors, validateProgram, type Program } from "./program.ts";
import { Tape } from "./tape.ts";
import { describeProgram } from "./testing/describeProgram.ts";
import { randomProgram } from "./testing/randomProgram.ts";

/** What each output holds, as an expression: equal expressions are equal results. */
function outcomes(program: Program): Map<string, string> {
  const held = program.tensors.map((tensor) => (tensor.role === "activation" ? "nothing" : tensor.name));
  for (const { op, inputs, outputs, attributes } of program.instructions) {
    const expression = `${op}(${inputs.map((index) => held[index]).join()};${JSON.stringify(attributes)})`;
    outputs.forEach(
      (index, slot) =>
        (held[index] = `${expression}.${slot}`.length > 200 ? String(hash(`${expression}.${slot}`)) : `${expression}.${slot}`),
    );
  }
  return new Map(program.tensors.flatMap((tensor, index) => (tensor.role === "activation" ? [] : [[tensor.name, held[index]!] as const])));
}

const hash = (text: string): number => [...text].reduce((sum, character) => (Math.imul(sum, 31) + character.charCodeAt(0)) | 0, 7);

describe("eliminateDeadCode", () => {
  it("keeps every external result and leaves nothing dead, whatever the program", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 40 }), (seed, length) => {
        const program = randomProgram(seed, length);
        const lean = eliminateDeadCode(program);
        expect(outcomes(lean)).toEqual(outcomes(program));
        expect(() => validateProgram(lean, opTable)).not.toThrow();
        expect(eliminateDeadCode(lean)).toBe(lean);
        expect(externalTensors(lean)).toEqual(externalTensors(program));
        const read = new Set(lean.instructions.flatMap(({ inputs }) => inputs));
        for (const { outputs } of lean.instructions)
          expect(outputs.some((index) => read.has(index) || lean.tensors[index]!.role !== "activation")).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("drops a result that is overwritten before anyone reads it, and keeps an update in place", () => {
    const tape = new Tape("overwritten");
    const x = tape.input("x", [4], "f32");
    const h = tape.apply(scale, [x], { factor: 1 })[0]!;
    tape.apply(scale, [x], { factor: 2 }, [h]);
    tape.apply(zero, [h], {}, [h]);
    tape.copy(h, tape.output("y", [4]));
    expect(describeProgram(eliminateDeadCode(tape.finish()))).toMatchInlineSnapshot(`
      "%0 = scale(x)
      %0 = zero(%0)
      y = copy(%0)"
    `);
  });
});
