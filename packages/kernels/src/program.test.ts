import { describe, expect, it } from "vitest";
import { opTable } from "./ops/index.ts";
import { validateProgram, type Program } from "./program.ts";

const type = { shape: [2, 3], dtype: "f32" } as const;
const sound: Program = {
  name: "sum",
  tensors: [
    { name: "a", role: "input", ...type },
    { name: "b", role: "input", ...type },
    { name: "add.2", role: "activation", ...type },
    { name: "y", role: "output", ...type },
  ],
  instructions: [
    { op: "add", inputs: [0, 1], outputs: [2], attributes: {} },
    { op: "scale", inputs: [2], outputs: [3], attributes: { factor: 2 } },
  ],
};

const withTensor = (index: number, change: Partial<Program["tensors"][number]>): Program => ({
  ...sound,
  tensors: sound.tensors.map((tensor, at) => (at === index ? { ...tensor, ...change } : tensor)),
});
const withInstruction = (index: number, change: Partial<Program["instructions"][number]>): Program => ({
  ...sound,
  instructions: sound.instructions.map((instruction, at) => (at === index ? { ...instruction, ...change } : instruction)),
});
const check = (program: Program) => (): void => validateProgram(program, opTable);

describe("validateProgram", () => {
  it("passes a sound program, and an activation that bears an external tensor's name", () => {
    expect(check(sound)).not.toThrow();
    expect(check(withTensor(2, { name: "a" }))).not.toThrow();
  });

  it("passes an update in place where the op allows it", () => {
    expect(check(withInstruction(1, { inputs: [2], outputs: [2] }))).not.toThrow();
  });

  it("names the first fault of a program from outside", () => {
    expect(check(withTensor(1, { name: "a" }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum: two external tensors are named a]`,
    );
    expect(check(withTensor(0, { shape: [2, 1.5] }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum: tensor a has the shape [2, 1.5]]`,
    );
    expect(check(withTensor(0, { shape: [2, -3] }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum: tensor a has the shape [2, -3]]`,
    );
    expect(check(withTensor(1, { shape: [3, 2] }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum, instruction 0 (add): add: b must be [2, 3], got f32[3, 2]]`,
    );
    expect(check(withTensor(3, { shape: [3, 2] }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum, instruction 1 (scale): output 0 must be f32[2, 3], the table says f32[3, 2]]`,
    );
    expect(check(withInstruction(0, { op: "plus" }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum, instruction 0 (plus): no such op]`,
    );
    expect(check(withInstruction(0, { inputs: [0, 9] }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum, instruction 0 (add): tensor 9 is not in the table]`,
    );
    expect(check(withInstruction(0, { outputs: [] }))).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum, instruction 0 (add): output 0 must be f32[2, 3], the table says nothing]`,
    );
    expect(check({ ...sound, instructions: [sound.instructions[1]!, sound.instructions[0]!] })).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program sum, instruction 0 (scale): reads add.2 before it is written]`,
    );
    const square = { shape: [3, 3], dtype: "f32" } as const;
    const inPlace: Program = {
      name: "in place",
      tensors: [
        { name: "a", role: "state", ...square },
        { name: "b", role: "input", ...square },
      ],
      instructions: [{ op: "matmul", inputs: [0, 1], outputs: [0], attributes: { transposeA: false, transposeB: false, alpha: 1 } }],
    };
    expect(check(inPlace)).toThrowErrorMatchingInlineSnapshot(
      `[ProgramError: program in place, instruction 0 (matmul): output 0 is written over input 0, a, which this op cannot do]`,
    );
  });
});
