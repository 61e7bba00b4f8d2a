import {
  decodeHalf,
  linearCrossEntropy,
  linearCrossEntropyGrad,
  linearCrossEntropyWeightGrad,
  matmul,
  pcgHash,
  Tape,
  type Backend,
  type HostArray,
  type Value,
} from "@sft/kernels";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuBackend } from "./backend.ts";

const backends: Backend[] = [];
beforeAll(async () => {
  for (const threads of [1, 2]) backends.push(await createCpuBackend({ threads, worthThreadsOperations: 0 }));
});
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

let drawn = 0;
const random = (): number => pcgHash(drawn++) / 2 ** 32;
const floats = (count: number): Float32Array => Float32Array.from({ length: count }, () => random() - 0.5);
/** Bits of finite float16 numbers below 2 in magnitude. */
const halves = (count: number): Uint16Array =>
  Uint16Array.from({ length: count }, () => Math.floor(random() * 0x3fff) | (random() < 0.5 ? 0x8000 : 0));

interface Input {
  readonly shape: readonly number[];
  readonly data: HostArray;
}

/** What a program of one op gives, with its weight as float16, or decoded first. */
async function outputs(
  backend: Backend,
  inputs: readonly Input[],
  record: (tape: Tape, values: Value[]) => void,
  decode: boolean,
): Promise<readonly HostArray[]> {
  const tape = new Tape("half");
  const given = inputs.map(({ shape, data }) => ({
    shape,
    data: decode && data instanceof Uint16Array ? Float32Array.from(data, decodeHalf) : data,
  }));
  const dtypeOf = (data: HostArray) => (data instanceof Int32Array ? "i32" : data instanceof Uint16Array ? "f16" : "f32");
  record(
    tape,
    given.map(({ shape, data }, index) => tape.external(`input ${index}`, "input", shape, dtypeOf(data))),
  );
  const program = tape.finish();
  const bindings = new Map(
    program.tensors.flatMap((tensor) => (tensor.role === "activation" ? [] : [[tensor.name, backend.allocate(tensor)] as const])),
  );
  given.forEach(({ data }, index) => backend.upload(bindings.get(`input ${index}`)!, data));
  const executable = await backend.compile(program, bindings);
  backend.run(executable);
  const results: HostArray[] = [];
  for (const tensor of program.tensors) if (tensor.role === "output") results.push(await backend.download(bindings.get(tensor.name)!));
  return results;
}

/** The weight is decoded exactly, and the sums run in the order of float32's: the very bits. */
async function expectSameBits(inputs: readonly Input[], record: (tape: Tape, values: Value[]) => void): Promise<void> {
  const expected = await outputs(backends[0]!, inputs, record, true);
  for (const backend of backends) expect(await outputs(backend, inputs, record, false)).toEqual(expected);
}

describe("a float16 weight gives the bits of the same weight in float32", () => {
  it.each([
    [1, true],
    [5, true],
    [40, true],
    [5, false],
    [40, false],
  ])("in a product with %d rows, transposed %s", async (rows, transposeB) => {
    const [n, k] = [301, 1100];
    const inputs = [
      { shape: [rows, k], data: floats(rows * k) },
      { shape: transposeB ? [n, k] : [k, n], data: halves(n * k) },
      { shape: [rows, n], data: floats(rows * n) },
    ];
    // Few rows of float32 take dot products, whose order of sums is another.
    const withFiveRows = rows === 1 ? inputs.map((one, index) => (index === 1 ? one : repeated(one, 5))) : inputs;
    const record = (tape: Tape, values: Value[]): void => {
      const attributes = { transposeA: false, transposeB, alpha: 0.5 };
      tape.apply(matmul, values, attributes, [tape.output("y", [values[0]!.shape[0]!, n])]);
    };
    if (rows > 1) return expectSameBits(inputs, record);
    const expected = await outputs(backends[0]!, withFiveRows, record, true);
    for (const backend of backends)
      expect(await outputs(backend, inputs, record, false)).toEqual([(expected[0] as Float32Array).slice(0, n)]);
  });

  it("in a head: loss and gradients", async () => {
    const [rows, width, vocabulary] = [37, 60, 289];
    const inputs = [
      { shape: [1], data: Float32Array.of(0.7) },
      { shape: [rows, width], data: floats(rows * width) },
      { shape: [vocabulary, width], data: halves(vocabulary * width) },
      { shape: [rows], data: Int32Array.from({ length: rows }, (_, index) => (index % 7 === 6 ? -1 : index)) },
      { shape: [rows], data: Int32Array.from({ length: rows }, (_, index) => (index * 31) % vocabulary) },
      { shape: [rows], data: new Float32Array(rows).fill(1 / rows) },
    ];
    const attributes = { alpha: 1, softcap: 0, labelSmoothing: 0.1, zLoss: 1e-3 };
    await expectSameBits(inputs, (tape, [dLoss, ...values]) => {
      const [, logSumExp] = tape.apply(linearCrossEntropy, values, attributes, [tape.output("loss", [1])]);
      tape.apply(linearCrossEntropyGrad, [dLoss!, ...values, logSumExp!], attributes, [tape.output("dx", [rows, width])]);
      const addend = tape.output("sum", [vocabulary, width]);
      const byWeight = [dLoss!, ...values, logSumExp!];
      tape.apply(linearCrossEntropyWeightGrad, byWeight, attributes, [addend]);
      tape.apply(linearCrossEntropyWeightGrad, [...byWeight, addend], attributes, [tape.output("dWeight", [vocabulary, width])]);
    });
  });
});

function repeated({ shape, data }: Input, times: number): Input {
  const all = new Float32Array(data.length * times);
  for (let time = 0; time < times; time++) all.set(data as Float32Array, time * data.length);
  return { shape: [times, ...shape.slice(1)], data: all };
}
