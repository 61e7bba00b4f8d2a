import { describe, expect, it } from "vitest";
import { linearCrossEntropy } from "./ops/crossEntropy.ts";
import { opTable } from "./ops/index.ts";
import { matmul } from "./ops/matmul.ts";
import { externalTensors, validateProgram } from "./program.ts";
import { Tape } from "./tape.ts";

const plain = { transposeA: false, transposeB: false, alpha: 1 };

describe("Tape", () => {
  it("records a program that is plain data and valid", () => {
    const tape = new Tape("product");
    const y = tape.apply(matmul, [tape.parameter("a", [2, 3], true), tape.input("b", [3, 4], "f32")], plain)[0]!;
    tape.copy(y, tape.output("y", [2, 4]));
    const program = tape.finish();
    expect(program).toMatchInlineSnapshot(`
      {
        "instructions": [
          {
            "attributes": {
              "alpha": 1,
              "transposeA": false,
              "transposeB": false,
            },
            "inputs": [
              0,
              1,
            ],
            "op": "matmul",
            "outputs": [
              2,
            ],
          },
          {
            "attributes": {},
            "inputs": [
              2,
            ],
            "op": "copy",
            "outputs": [
              3,
            ],
          },
        ],
        "name": "product",
        "tensors": [
          {
            "dtype": "f32",
            "name": "a",
            "role": "parameter",
            "shape": [
              2,
              3,
            ],
          },
          {
            "dtype": "f32",
            "name": "b",
            "role": "input",
            "shape": [
              3,
              4,
            ],
          },
          {
            "dtype": "f32",
            "name": "matmul.2",
            "role": "activation",
            "shape": [
              2,
              4,
            ],
          },
          {
            "dtype": "f32",
            "name": "y",
            "role": "output",
            "shape": [
              2,
              4,
            ],
          },
        ],
      }
    `);
    expect(JSON.parse(JSON.stringify(program))).toEqual(program);
    expect(externalTensors(program).map((tensor) => tensor.name)).toEqual(["a", "b", "y"]);
    expect(() => validateProgram(program, opTable)).not.toThrow();
  });

  it("gives the same value for the same name, and refuses another type under it", () => {
    const tape = new Tape("names");
    const weight = tape.parameter("weight", [2, 3], true);
    expect(tape.parameter("weight", [2, 3], true)).toBe(weight);
    expect(() => tape.parameter("weight", [3, 2], true)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: tensor weight was declared as f32[2, 3] and now as f32[3, 2]]`,
    );
  });

  it("marks what a gradient can reach", () => {
    const tape = new Tape("reach");
    const frozen = tape.parameter("frozen", [2, 2], false);
    const trainable = tape.parameter("trainable", [2, 2], true);
    expect(tape.apply(matmul, [frozen, frozen], plain)[0]!.requiresGradient).toBe(false);
    expect(tape.apply(matmul, [frozen, trainable], plain)[0]!.requiresGradient).toBe(true);
  });

  it("names op, operand and types when operands do not fit", () => {
    const tape = new Tape("faults");
    const a = tape.input("a", [2, 3], "f32");
    const ids = tape.input("ids", [4]);
    expect(() => tape.apply(matmul, [a, tape.input("b", [4, 5], "f32")], plain)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: matmul: b must be [3, 5], got f32[4, 5]]`,
    );
    expect(() => tape.apply(matmul, [a, ids], plain)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: matmul: b must have 2 dimensions, got i32[4]]`,
    );
    expect(() => tape.apply(matmul, [a], plain)).toThrowErrorMatchingInlineSnapshot(`[ProgramError: matmul: takes 2 to 3 inputs, got 1]`);
    expect(() =>
      tape.apply(matmul, [a, tape.input("c", [3, 5], "f32")], plain, [tape.output("y", [5, 2])]),
    ).toThrowErrorMatchingInlineSnapshot(`[ProgramError: matmul: output 0 is f32[2, 5] and cannot be written into y, f32[5, 2]]`);
    expect(() =>
      tape.apply(linearCrossEntropy, [a, tape.input("w", [7, 3], "f32"), ids, ids, ids], {
        alpha: 1,
        softcap: 0,
        labelSmoothing: 0,
        zLoss: 0,
      }),
    ).toThrowErrorMatchingInlineSnapshot(`[ProgramError: linearCrossEntropy: weights must be f32, got i32[4]]`);
    expect(tape.entries).toEqual([]);
  });
});
