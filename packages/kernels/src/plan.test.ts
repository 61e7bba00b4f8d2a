import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { opTable } from "./ops/index.ts";
import { add, multiply, scale } from "./ops/elementwise.ts";
import { matmul } from "./ops/matmul.ts";
import { defineOp, type OpDefinition } from "./op.ts";
import { planMemory } from "./plan.ts";
import type { Program } from "./program.ts";
import { Tape } from "./tape.ts";
import { byteLength } from "./tensor.ts";
import { conformanceCases } from "./testing/cases/index.ts";
import { randomProgram } from "./testing/randomProgram.ts";
import { recordCase } from "./testing/recordCase.ts";

/** Walks through the program with one owner a slot: what an instruction reads must still be there, and it may write over what it reads only as the table allows. */
function expectSoundPlan(program: Program): void {
  const scratch = program.instructions.flatMap((_, position) =>
    position % 2 === 0 ? [{ position, bytes: 100 * (1 + (position % 7)) }] : [],
  );
  const plan = planMemory(program, opTable, { scratch });
  const owner = new Map<number, number>();
  program.instructions.forEach(({ op, inputs, outputs }, position) => {
    const where = `instruction ${position} (${op})`;
    for (const input of inputs) {
      if (program.tensors[input]!.role !== "activation") continue;
      expect(owner.get(plan.slotOf[input]!), `${where} reads tensor ${input}`).toBe(input);
    }
    scratch.forEach((request, index) => {
      if (request.position !== position) return;
      const slot = plan.scratchSlotOf[index]!;
      expect(plan.slots[slot]!, `${where}: its scratch memory fits`).toBeGreaterThanOrEqual(request.bytes);
      const operands = [...inputs, ...outputs].map((operand) => plan.slotOf[operand]);
      expect(operands, `${where} uses an operand's memory as scratch`).not.toContain(slot);
      owner.set(slot, -1);
    });
    outputs.forEach((output, outputSlot) => {
      if (program.tensors[output]!.role !== "activation") return;
      const slot = plan.slotOf[output]!;
      expect(plan.slots[slot]!, `${where} fits`).toBeGreaterThanOrEqual(byteLength(program.tensors[output]!));
      inputs.forEach((input, inputSlot) => {
        if (plan.slotOf[input] !== slot || program.tensors[input]!.role !== "activation") return;
        expect(opTable.get(op)!.mayAlias ?? [], `${where} writes over its input ${inputSlot}`).toContainEqual([outputSlot, inputSlot]);
      });
      outputs
        .slice(0, outputSlot)
        .forEach((other) => expect(plan.slotOf[other] === slot && other !== output, `${where} has two outputs in one slot`).toBe(false));
      owner.set(slot, output);
    });
  });
  expect(plan.activationBytes).toBe(plan.slots.reduce((sum, bytes) => sum + bytes, 0));
  expect(plan.activationBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
  program.tensors.forEach((tensor, index) => {
    if (tensor.role !== "activation") expect(plan.slotOf[index]).toBe(-1);
  });
}

describe("planMemory", () => {
  it("never gives one slot to two live tensors, whatever the program", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 40 }), (seed, length) =>
        expectSoundPlan(randomProgram(seed, length)),
      ),
      { numRuns: 500 },
    );
  });

  it("is sound for every conformance program, backward passes included", () => {
    for (const conformanceCase of conformanceCases) expectSoundPlan(recordCase(conformanceCase).program);
  });

  it("gives the same plan for the same program", () => {
    const program = randomProgram(5, 40);
    expect(planMemory(program, opTable)).toEqual(planMemory(program, opTable));
  });

  it("runs a chain of elementwise ops in one slot", () => {
    const tape = new Tape("chain");
    let x = tape.apply(scale, [tape.input("x", [100], "f32")], { factor: 2 })[0]!;
    for (let step = 0; step < 5; step++) x = tape.apply(scale, [x], { factor: 2 })[0]!;
    tape.copy(x, tape.output("y", [100]));
    const plan = planMemory(tape.finish(), opTable);
    expect(plan).toMatchObject({ slots: [512], activationBytes: 512, lowerBoundBytes: 512, externalBytes: 800 });
  });

  it("opens a second slot where an op reads elsewhere than it writes", () => {
    const tape = new Tape("square");
    const x = tape.apply(scale, [tape.input("x", [8, 8], "f32")], { factor: 2 })[0]!;
    const y = tape.apply(matmul, [x, x], { transposeA: false, transposeB: false, alpha: 1 })[0]!;
    tape.copy(y, tape.output("y", [8, 8]));
    expect(planMemory(tape.finish(), opTable)).toMatchObject({ slots: [256, 256], lowerBoundBytes: 512 });
  });

  it("does not write over an input that the op reads twice, or that is read later", () => {
    const tape = new Tape("twice");
    const x = tape.apply(scale, [tape.input("x", [64], "f32")], { factor: 2 })[0]!;
    const squared = tape.apply(multiply, [x, x], {})[0]!;
    tape.apply(add, [squared, x], {}, [tape.output("y", [64])]);
    const program = tape.finish();
    const plan = planMemory(program, opTable);
    expect(plan.slotOf[squared.id]).not.toBe(plan.slotOf[x.id]);
  });

  it("hands one dying input to one output only, and none that is itself an output", () => {
    const pair = defineOp({
      name: "pair",
      infer: ([x]) => [x!, x!],
      mayAlias: [
        [0, 0],
        [1, 0],
      ],
    });
    const table = new Map<string, OpDefinition>([...opTable, ["pair", pair]]);
    for (const inPlace of [false, true]) {
      const tape = new Tape("pair");
      const x = tape.apply(scale, [tape.input("x", [64], "f32")], { factor: 2 })[0]!;
      const [first, second] = tape.apply(pair, [x], {}, inPlace ? [x] : []);
      // In place the first output is not read again, so only its being an output keeps the second away from it.
      tape.apply(add, [inPlace ? second! : first!, second!], {}, [tape.output("y", [64])]);
      const plan = planMemory(tape.finish(), table);
      expect(plan.slotOf[first!.id]).toBe(plan.slotOf[x.id]);
      expect(plan.slotOf[second!.id]).not.toBe(plan.slotOf[x.id]);
    }
  });

  it("lends memory that is idle to an instruction's scratch", () => {
    const tape = new Tape("scratch");
    const x = tape.apply(scale, [tape.input("x", [1000], "f32")], { factor: 2 })[0]!;
    tape.copy(x, tape.output("y", [1000]));
    const z = tape.apply(scale, [tape.input("z", [10], "f32")], { factor: 2 })[0]!;
    tape.copy(z, tape.output("w", [10]));
    const program = tape.finish();
    expect(planMemory(program, opTable, { scratch: [{ position: 3, bytes: 3000 }] })).toMatchObject({
      slots: [4096, 256],
      lowerBoundBytes: 4096,
    });
    expect(planMemory(program, opTable, { scratch: [{ position: 1, bytes: 3000 }] })).toMatchObject({
      slots: [4096, 3072],
      lowerBoundBytes: 7168,
    });
  });

  it("rounds slots up to the alignment", () => {
    const program = randomProgram(1, 10);
    expect(planMemory(program, opTable, { alignment: 64 }).slots.every((bytes) => bytes % 64 === 0)).toBe(true);
    expect(planMemory(program, opTable).slots.every((bytes) => bytes % 256 === 0)).toBe(true);
  });
});
