import type { Backend, Program } from "@sft/kernels";
import { brokenBackend, conformanceCases, recordCase, runConformance, type Fault, type RecordedCase } from "@sft/kernels/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuBackend } from "./backend.ts";

/** Proof that the conformance suite can fail: with one kernel wrong, exactly the cases that go through the fault fail. */
interface Proof {
  readonly what: string;
  readonly fault: Fault;
  readonly mustFail: (recorded: RecordedCase) => boolean;
}

const instructionsOf = (program: Program, op: string): Program["instructions"] => program.instructions.filter((instruction) => instruction.op === op);
const uses = ({ program }: RecordedCase, op: string): boolean => instructionsOf(program, op).length > 0;
const hasAttribute = ({ program }: RecordedCase, op: string, attribute: string): boolean =>
  instructionsOf(program, op).some((instruction) => instruction.attributes[attribute] !== 0);

/** Some sequence of the batch holds two segments, so that ignoring them shows. */
function mixesSegments({ program, data }: RecordedCase): boolean {
  return instructionsOf(program, "attention").some(({ attributes }) => {
    const segments = data.get("segments")!;
    const tokens = segments.length / (attributes["batch"] as number);
    return Array.from(segments).some((segment, row) => segment !== segments[Math.floor(row / tokens) * tokens]);
  });
}

const proofs: readonly Proof[] = [
  {
    what: "matmul drops its last row",
    fault: { op: "matmul", outputs: ({ outputs: [y], outputShapes: [shape] }) => void y!.fill(0, y!.length - shape![1]!) },
    mustFail: (recorded) => uses(recorded, "matmul"),
  },
  {
    what: "matmul forgets alpha",
    fault: { op: "matmul", attributes: (attributes) => ({ ...attributes, alpha: 1 }) },
    mustFail: ({ program }) => instructionsOf(program, "matmul").some(({ attributes }) => attributes["alpha"] !== 1),
  },
  {
    what: "attention ignores segments",
    fault: { op: "attention", inputs: ([, , , segments]) => void segments!.fill(1) },
    mustFail: mixesSegments,
  },
  {
    what: "attention's gradient forgets the soft cap",
    fault: { op: "attentionGrad", attributes: (attributes) => ({ ...attributes, softcap: 0 }) },
    mustFail: (recorded) => hasAttribute(recorded, "attentionGrad", "softcap"),
  },
  {
    what: "attention sees one key more than the window",
    fault: { op: "attention", attributes: (attributes) => ({ ...attributes, window: attributes["window"] === 0 ? 0 : (attributes["window"] as number) + 1 }) },
    mustFail: (recorded) => hasAttribute(recorded, "attention", "window"),
  },
  {
    what: "linearCrossEntropy forgets the soft cap",
    fault: { op: "linearCrossEntropy", attributes: () => ({ softcap: 0 }) },
    mustFail: (recorded) => hasAttribute(recorded, "linearCrossEntropy", "softcap"),
  },
  {
    what: "the head's weight gradient overwrites what earlier micro batches left",
    fault: {
      op: "linearCrossEntropyWeightGrad",
      outputs({ inputs, outputs: [dWeight] }) {
        const addend = inputs[7]!;
        dWeight!.forEach((value, index) => (dWeight![index] = value - addend[index]!));
      },
    },
    mustFail: (recorded) => uses(recorded, "linearCrossEntropyWeightGrad"),
  },
  {
    what: "rmsNorm forgets the weight's offset",
    fault: { op: "rmsNorm", attributes: (attributes) => ({ ...attributes, weightOffset: 0 }) },
    mustFail: (recorded) => hasAttribute(recorded, "rmsNorm", "weightOffset"),
  },
  {
    what: "columnSum adds to whatever its output held",
    fault: { op: "columnSum", outputs: ({ previous: [before], outputs: [y] }) => void y!.forEach((value, index) => (y![index] = value + 0 * before![index]!)) },
    mustFail: ({ program }) => instructionsOf(program, "columnSum").some(({ inputs, outputs }) => !inputs.includes(outputs[0]!)),
  },
  {
    what: "adamw applies a step behind a closed gate",
    fault: { op: "adamw", inputs: ([, , , , , norm]) => void (norm![1] = 1) },
    mustFail: ({ data }) => [...data].some(([name, values]) => name.startsWith("norm") && values.length === 2 && values[1] === 0),
  },
];

describe("the conformance suite notices", () => {
  let reference: Backend;
  beforeAll(async () => {
    reference = await createCpuBackend({ precision: "float64" });
  });
  afterAll(() => reference.dispose());

  for (const { what, fault, mustFail } of proofs) {
    it(what, async () => {
      const backend = brokenBackend(await createCpuBackend({ threads: 1 }), fault);
      const results = await runConformance(backend, reference);
      const expected = conformanceCases.filter((one) => mustFail(recordCase(one))).map((one) => one.name);
      expect(expected.length).toBeGreaterThan(0);
      expect(results.filter((result) => !result.pass).map((result) => result.name)).toEqual(expected);
      expect(results.filter((result) => result.error)).toEqual([]);
      await backend.dispose();
    });
  }

  it("nothing when the wrapper breaks nothing", async () => {
    const backend = brokenBackend(await createCpuBackend({ threads: 1 }), { op: "matmul" });
    expect((await runConformance(backend, reference)).filter((result) => !result.pass)).toEqual([]);
    await backend.dispose();
  });
});
