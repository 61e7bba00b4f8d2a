import { describe, expect, it } from "vitest";
import { opTable } from "../../ops/index.ts";
import { validateProgram } from "../../program.ts";
import { recordCase } from "../recordCase.ts";
import { conformanceCases } from "./index.ts";

const recorded = conformanceCases.map(recordCase);
const instructions = recorded.flatMap(({ program }) => program.instructions);

describe("the conformance cases", () => {
  it("have names of their own", () => {
    expect(new Set(conformanceCases.map((one) => one.name)).size).toBe(conformanceCases.length);
  });

  it("are valid programs that survive JSON", () => {
    for (const { program } of recorded) {
      expect(() => validateProgram(program, opTable), program.name).not.toThrow();
      expect(JSON.parse(JSON.stringify(program))).toEqual(program);
    }
  });

  it("reach every op of the table", () => {
    const reached = new Set(instructions.map((instruction) => instruction.op));
    expect([...opTable.keys()].filter((op) => !reached.has(op))).toEqual([]);
  });

  it("differentiate every op that has a gradient rule", () => {
    const differentiated = new Set(
      conformanceCases.filter((one) => one.gradients).flatMap((one) => recordCase(one).program.instructions.map(({ op }) => op)),
    );
    expect([...opTable.values()].filter((op) => op.gradient && !differentiated.has(op.name)).map((op) => op.name)).toEqual([]);
  });

  it("write in place wherever the table allows it", () => {
    const missing = [...opTable.values()].flatMap((op) =>
      (op.mayAlias ?? [])
        .filter(
          ([output, input]) =>
            !instructions.some((one) => one.op === op.name && one.inputs[input] !== undefined && one.inputs[input] === one.outputs[output]),
        )
        .map(([output, input]) => `${op.name} output ${output} over input ${input}`),
    );
    expect(missing).toEqual([]);
  });

  it("hold float32 numbers only, so that every backend starts from the same", () => {
    for (const { name, data } of recorded) {
      for (const [tensor, values] of data) {
        if (!(values instanceof Float64Array)) continue;
        expect(
          Array.from(values).every((value) => Object.is(Math.fround(value), value)),
          `${name}, ${tensor}`,
        ).toBe(true);
      }
    }
  });

  it("start from the same data every time, for the first forty", () => {
    conformanceCases.slice(0, 40).forEach((one, index) => {
      const again = [...recordCase(one).data].map(([name, values]) => [name, values.join()]);
      expect(again, one.name).toEqual([...recorded[index]!.data].map(([name, values]) => [name, values.join()]));
    });
  });
});
