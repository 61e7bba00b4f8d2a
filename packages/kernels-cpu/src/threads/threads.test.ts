import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  type Backend,
  linearCrossEntropy,
  linearCrossEntropyGrad,
  linearCrossEntropyWeightGrad,
  matmul,
  Tape,
  writeCache,
} from "@sft/kernels";
import { conformanceCases, recordCase } from "@sft/kernels/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuBackend } from "../backend.ts";
import { runProgram } from "../runProgram.ts";

let one: Backend;
let several: readonly Backend[];

beforeAll(async () => {
  one = await createCpuBackend({ threads: 1 });
  several = await Promise.all([2, 3].map((threads) => createCpuBackend({ threads, worthThreadsOperations: 0 })));
});
afterAll(async () => {
  await Promise.all([one, ...several].map((backend) => backend.dispose()));
});

const bitsOf = (values: ArrayBufferView): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const wave = (count: number, rate: number): number[] => Array.from({ length: count }, (_, index) => Math.sin(index * rate + rate));

async function expectSameBits(program: Parameters<typeof runProgram>[1], data: ReadonlyMap<string, ArrayLike<number>>): Promise<void> {
  const expected = await runProgram(one, program, data);
  for (const backend of several) {
    for (const [name, values] of await runProgram(backend, program, data)) {
      expect(bitsOf(values), `${name} on ${backend.capabilities.adapter}`).toEqual(bitsOf(expected.get(name)!));
    }
  }
}

describe("any number of threads gives the same bits", () => {
  it.each(conformanceCases.filter(({ name }) => /^program: |^attention: |^columnSum: |^gradNorm: /.test(name)))(
    "in the conformance case $name",
    async (one) => {
      const { program, data } = recordCase(one);
      await expectSameBits(program, data);
    },
  );

  it.each([
    [70, 130, 600, false, false],
    [301, 9, 517, false, true],
    [8, 260, 1030, true, false],
    [2, 4100, 33, false, true],
    [5, 40, 64, true, true],
    [1, 1, 2000, false, false],
  ])("in a product of %d x %d over %d, transposed %s and %s", async (m, n, k, transposeA, transposeB) => {
    const tape = new Tape("product");
    const a = tape.external("a", "input", transposeA ? [k, m] : [m, k], "f32");
    const b = tape.external("b", "input", transposeB ? [n, k] : [k, n], "f32");
    tape.apply(matmul, [a, b], { transposeA, transposeB, alpha: 0.7 }, [tape.output("y", [m, n])]);
    await expectSameBits(
      tape.finish(),
      new Map([
        ["a", wave(m * k, 0.7)],
        ["b", wave(n * k, 1.3)],
      ]),
    );
  });

  it("in the head and its gradients over 300 rows and 1,100 classes", async () => {
    const [rows, width, classes] = [300, 40, 1100];
    const tape = new Tape("head");
    const attributes = { alpha: 1, softcap: 0, labelSmoothing: 0.1, zLoss: 1e-3 };
    const inputs = [
      tape.external("x", "input", [rows, width], "f32"),
      tape.external("weight", "input", [classes, width], "f32"),
      tape.input("rows", [rows]),
      tape.input("targets", [rows]),
      tape.external("weights", "input", [rows], "f32"),
    ];
    const outputs = tape.apply(linearCrossEntropy, inputs, attributes, [tape.output("loss", [1])]);
    const withGradient = [tape.external("dLoss", "input", [1], "f32"), ...inputs, outputs[1]];
    tape.apply(linearCrossEntropyGrad, withGradient, attributes, [tape.output("dx", [rows, width])]);
    tape.apply(linearCrossEntropyWeightGrad, withGradient, attributes, [tape.output("dWeight", [classes, width])]);
    const data = {
      x: wave(rows * width, 0.7),
      weight: wave(classes * width, 1.3),
      rows: Array.from({ length: rows }, (_, row) => (row % 7 === 3 ? -1 : row)),
      targets: Array.from({ length: rows }, (_, row) => (row * 31) % classes),
      weights: wave(rows, 0.2),
      dLoss: [0.5],
    };
    await expectSameBits(tape.finish(), new Map(Object.entries(data)));
  });
});

it("hands on what a thread throws, and goes on working", async () => {
  const tape = new Tape("cache");
  const cache = tape.external("cache", "state", [8, 3], "f32");
  tape.apply(writeCache, [cache, tape.external("x", "input", [4, 3], "f32"), tape.input("lengths", [2])], { batch: 2 }, [cache]);
  const program = tape.finish();
  const x = wave(12, 1);
  for (const backend of several) {
    // The last rows belong to a worker, and 7 + 1 is past the end of the cache.
    await expect(
      runProgram(
        backend,
        program,
        new Map([
          ["x", x],
          ["lengths", [0, 7]],
        ]),
      ),
    ).rejects.toThrow("RangeError: offset is out of bounds");
    const result = await runProgram(
      backend,
      program,
      new Map([
        ["x", x],
        ["lengths", [0, 2]],
      ]),
    );
    expect(result.get("cache")!.slice(18)).toEqual(Float32Array.from(x.slice(6)));
  }
});

it("lets a process end that has not disposed of its backend", async () => {
  const source = `
    import { createCpuBackend } from ${JSON.stringify(new URL("../index.ts", import.meta.url).href)};
    createCpuBackend({ threads: 3 }).then((backend) => console.log(backend.capabilities.adapter));
  `;
  const args = ["--import", import.meta.resolve("tsx"), "--conditions", "@sft/source", "--input-type=module", "--eval", source];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    timeout: 30_000,
  });
  expect(stdout).toBe("CPU, float32, 3 threads\n");
});
