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

const instructionsOf = (program: Program, op: string): Program["instructions"] =>
  program.instructions.filter((instruction) => instruction.op === op);
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

/** Adding and taking off 2^42 times its leading bit drops all but 11 bits of a number, rounded to nearest. */
function toElevenBits(value: number): number {
  const large = 2 ** 42 * 2 ** Math.floor(Math.log2(Math.abs(value)));
  return Number.isFinite(large) && large > 0 ? value + large - large : value;
}

const proofs: readonly Proof[] = [
  {
    what: "matmul drops its last row",
    fault: { op: "matmul", outputs: ({ outputs: [y], outputShapes: [shape] }) => void y!.fill(0, y!.length - shape![1]!) },
    mustFail: (recorded) => uses(recorded, "matmul"),
  },
  {
    what: "matmul rounds its results to the 11 bits of half precision",
    fault: { op: "matmul", outputs: ({ outputs: [y] }) => void y!.forEach((value, index) => (y![index] = toElevenBits(value))) },
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
    fault: {
      op: "attention",
      attributes: (attributes) => ({ ...attributes, window: attributes["window"] === 0 ? 0 : (attributes["window"] as number) + 1 }),
    },
    mustFail: (recorded) => hasAttribute(recorded, "attention", "window"),
  },
  {
    what: "linearCrossEntropy forgets the soft cap",
    fault: { op: "linearCrossEntropy", attributes: (attributes) => ({ ...attributes, softcap: 0 }) },
    mustFail: (recorded) => hasAttribute(recorded, "linearCrossEntropy", "softcap"),
  },
  {
    what: "the loss forgets the logits' factor",
    fault: { op: "linearCrossEntropy", attributes: (attributes) => ({ ...attributes, alpha: 1 }) },
    mustFail: (recorded) =>
      recorded.program.instructions.some(({ op, attributes }) => op === "linearCrossEntropy" && attributes["alpha"] !== 1),
  },
  {
    what: "the head's gradient forgets the logits' factor",
    fault: { op: "linearCrossEntropyGrad", attributes: (attributes) => ({ ...attributes, alpha: 1 }) },
    mustFail: (recorded) =>
      recorded.program.instructions.some(({ op, attributes }) => op === "linearCrossEntropyGrad" && attributes["alpha"] !== 1),
  },
  {
    what: "the head's weight gradient forgets the logits' factor",
    fault: { op: "linearCrossEntropyWeightGrad", attributes: (attributes) => ({ ...attributes, alpha: 1 }) },
    mustFail: (recorded) =>
      recorded.program.instructions.some(({ op, attributes }) => op === "linearCrossEntropyWeightGrad" && attributes["alpha"] !== 1),
  },
  {
    what: "the head's gradient forgets label smoothing",
    fault: { op: "linearCrossEntropyGrad", attributes: (attributes) => ({ ...attributes, labelSmoothing: 0 }) },
    mustFail: (recorded) => hasAttribute(recorded, "linearCrossEntropyGrad", "labelSmoothing"),
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
    what: "columnSum adds to whatever its output held, which a fresh buffer of zeros would hide",
    fault: {
      op: "columnSum",
      outputs: ({ previous: [before], outputs: [y] }) => void y!.forEach((value, index) => (y![index] = value + before![index]!)),
    },
    mustFail: (recorded) => uses(recorded, "columnSum"),
  },
  {
    what: "adamw applies a step behind a closed gate",
    fault: { op: "adamw", inputs: ([, , , , , gate]) => void (gate![1] = 1) },
    mustFail: (recorded) =>
      uses(recorded, "adamw") &&
      [...recorded.data].some(([name, values]) => name.startsWith("gate") && values.length === 3 && values[1] === 0),
  },
];

const recorded = conformanceCases.map(recordCase);

describe("the conformance suite notices", () => {
  let reference: Backend;
  beforeAll(async () => {
    reference = await createCpuBackend({ precision: "float64" });
  });
  afterAll(() => reference.dispose());

  for (const { what, fault, mustFail } of proofs) {
    it(what, async () => {
      const backend = brokenBackend(await createCpuBackend({ threads: 1 }), fault);
      // The wrapper leaves programs without the op to the sound backend, so they need no second look here.
      const cases = conformanceCases.filter((_, index) => uses(recorded[index]!, fault.op));
      const results = await runConformance(backend, reference, { cases });
      const expected = recorded.filter(mustFail).map((one) => one.name);
      expect(expected.length).toBeGreaterThan(0);
      expect(results.filter((result) => !result.pass).map((result) => result.name)).toEqual(expected);
      expect(results.filter((result) => result.error)).toEqual([]);
      await backend.dispose();
    });
  }

  it("nothing when the wrapper breaks nothing", async () => {
    const backend = brokenBackend(await createCpuBackend({ threads: 1 }), { op: "matmul" });
    const cases = conformanceCases.filter((_, index) => uses(recorded[index]!, "matmul"));
    expect((await runConformance(backend, reference, { cases })).filter((result) => !result.pass)).toEqual([]);
    await backend.dispose();
  });
});
