import { copy, elementCount, rmsNorm, rmsNormGrad, Tape, type Program, type TensorSpec, type Value } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { relativeL2 } from "@sft/kernels/testing";
import { expect, it } from "vitest";
import { fuseResidual } from "./fuseResidual.ts";
import { createBackend } from "../node.ts";
import { resultsOf } from "../testing/boundTensors.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";

/** y = s + g or g + s, with s a stream and g a norm's gradient; `alsoReads` makes somebody else read g. */
function sum(order: "stream first" | "stream last", alsoReads = false): { readonly program: Program; readonly y: Value } {
  const tape = new Tape("sum");
  const input = (name: string, shape: readonly number[]): Value => tape.input(name, shape, "f32");
  const [x, w] = [input("x", [5, 24]), input("w", [24])];
  const stream = tape.add(input("a", [5, 24]), x);
  const rstd = tape.apply(rmsNorm, [x, w], { epsilon: 1e-5, weightOffset: 0 })[1]!;
  const gradient = tape.apply(rmsNormGrad, [input("dy", [5, 24]), x, w, rstd], { epsilon: 1e-5, weightOffset: 0 })[0]!;
  const y = order === "stream first" ? tape.add(stream, gradient) : tape.add(gradient, stream);
  if (alsoReads) tape.apply(copy, [gradient], {}, [tape.output("gradient", [5, 24])]);
  tape.apply(copy, [y], {}, [tape.output("y", [5, 24])]);
  return { program: tape.finish(), y };
}

it.each(["stream first", "stream last"] as const)("hands the %s to the norm's gradient", (order) => {
  const { program, y } = sum(order);
  const fused = fuseResidual(program);
  expect(fused.instructions.map(({ op }) => op)).toEqual(["add", "rmsNorm", "rmsNormGrad", "copy"]);
  const [stream, , gradient] = fused.instructions;
  expect(gradient!.inputs.at(-1)).toBe(stream!.outputs[0]);
  expect(gradient!.outputs).toEqual([y.id]);
});

it("leaves a sum whose part somebody else reads", () => {
  const { program } = sum("stream first", true);
  expect(fuseResidual(program)).toBe(program);
});

describeOnGpu("a fused sum", () => {
  it("has the values of the program it comes from", async () => {
    const { program } = sum("stream first");
    const filled = ({ shape }: TensorSpec): Float32Array => {
      const length = elementCount(shape);
      return Float32Array.from({ length }, (_, i) => Math.sin(1 + i * length));
    };
    const [gpu, reference] = await Promise.all([createBackend(testDeviceOptions), createCpuBackend({ precision: "float64" })]);
    const [actual, expected] = await Promise.all(
      [gpu, reference].map(async (backend) => {
        const result = (await resultsOf(backend, program, filled)).get("y")!;
        await backend.dispose();
        return result;
      }),
    );
    // A mean over 24 elements and a handful of operations on each: far below 100 roundings of 2^-24.
    expect(relativeL2(actual!, expected!)).toBeLessThan(100 * 2 ** -24);
  });
});
