import { copy, opTable, rmsNorm, rmsNormGrad, rmsNormWeightGrad, Tape, type Program, type TensorSpec, type Value } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { listDispatches } from "../listDispatches.ts";
import { createNodeDevice } from "../nodeDevice.ts";
import { launchKernel } from "../testing/launchKernel.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";

const limits: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };

/** Both gradients of a norm of each width; `then` follows the first. */
function norms(widths: readonly number[], later: boolean, then?: (tape: Tape, dWeight: Value) => void): Program {
  const tape = new Tape("norms");
  widths.forEach((width, i) => {
    const [x, dy] = [tape.input(`x${i}`, [40, width], "f32"), tape.input(`dy${i}`, [40, width], "f32")];
    const weight = tape.input(`w${i}`, [width], "f32");
    const attributes = { epsilon: 1e-5, weightOffset: 0 };
    const rstd = tape.apply(rmsNorm, [x, weight], attributes)[1]!;
    const dx = tape.apply(rmsNormGrad, [dy, x, weight, rstd], attributes)[0]!;
    const dWeight = tape.external(`dWeight${i}`, "gradient", [width]);
    tape.apply(rmsNormWeightGrad, later ? [dy, x, rstd, dWeight] : [dy, x, rstd], { width }, [dWeight]);
    if (i === 0) then?.(tape, dWeight);
    tape.add(dx, dx);
  });
  return tape.finish();
}

const sumsOf = (program: Program, of: KernelLimits = limits): readonly string[] =>
  listDispatches(program, opTable, of)
    .dispatches.map(({ kernel }) => kernel.label)
    .filter((label) => label.startsWith("columnSum"));

it("adds up the blocks of several norms in one launch, of as many as it can bind", () => {
  const widths = [64, 128, 64, 96, 64, 64, 64];
  const [several, two, one] = ["columnSum, blocks, 5 side by side", "columnSum, blocks, 2 side by side", "columnSum, blocks"];
  expect(sumsOf(norms(widths, false))).toEqual([several, two]);
  expect(sumsOf(norms(widths.slice(0, 6), false))).toEqual([several, one]);
  const later = sumsOf(norms(widths, true)).map((label) => label.replace(/, addend.*/, ""));
  expect(later).toEqual(["columnSum, blocks, 3 side by side", "columnSum, blocks, 3 side by side", one]);
  expect(sumsOf(norms(widths, false), { ...limits, matrixUnits: false })).toEqual(widths.map(() => one));
});

it("adds up before anything touches a result, or what may be a view of one", () => {
  const one = "columnSum, blocks";
  const reading = norms([64, 64], false, (tape, dWeight) => void tape.copy(dWeight, tape.output("seen", [64])));
  expect(sumsOf(reading)).toEqual([one, one]);
  const other = norms([64, 64], false, (tape) => void tape.apply(copy, [tape.input("new", [9], "f32")], {}, [tape.output("whole", [9])]));
  expect(sumsOf(other)).toEqual([one, one]);
});

/** Sums of blocks of rows as instructions of their own. */
function sums(members: readonly { readonly blocks: number; readonly width: number }[], later: boolean): Program {
  const tensors: TensorSpec[] = members.flatMap(({ blocks, width }, i) => [
    { name: `sums${i}`, role: "input", dtype: "f32", shape: [blocks, width] },
    { name: `y${i}`, role: "gradient", dtype: "f32", shape: [width] },
  ]);
  const instructions = members.map((_, i) => ({
    op: "sumBlocks",
    inputs: later ? [2 * i, 2 * i + 1] : [2 * i],
    outputs: [2 * i + 1],
    attributes: {},
  }));
  return { name: "sums", tensors, instructions };
}

it("lets no more blocks wait than 64 MiB", () => {
  // 16 MiB each.
  const wide = sums(
    Array.from({ length: 5 }, () => ({ blocks: 512, width: 8192 })),
    false,
  );
  expect(sumsOf(wide)).toEqual(["columnSum, blocks, 4 side by side", "columnSum, blocks"]);
});

describeOnGpu("sums of blocks side by side", () => {
  it.each([false, true])("have the values of each alone, added to what is there: %s", async (later) => {
    const members = [
      { blocks: 1, width: 5 },
      { blocks: 130, width: 64 },
      { blocks: 17, width: 30 },
    ];
    const { program, dispatches, storages } = listDispatches(sums(members, later), opTable, limits);
    expect(dispatches).toHaveLength(1);
    const [{ kernel, bindings, parameters, workgroups }] = dispatches as [(typeof dispatches)[0]];
    const { device } = await createNodeDevice(testDeviceOptions);
    const values = program.tensors.map(({ shape }, seed) =>
      Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => Math.sin(seed + i)),
    );
    const filled = (data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>, usage: number): GPUBuffer => {
      const buffer = device.createBuffer({ size: data.byteLength, usage: usage | 0x8 });
      device.queue.writeBuffer(buffer, 0, data);
      return buffer;
    };
    const buffers = values.map((data) => filled(data, 0x80 | 0x4));
    const resources = [
      ...bindings.map(({ storage }) => {
        const bound = storages[storage]!;
        return { buffer: buffers[bound.kind === "external" ? bound.tensor : -1]! };
      }),
      { buffer: filled(Uint32Array.from([...parameters, 0, 0, 0, 0].slice(0, Math.ceil(parameters.length / 4) * 4)), 0x40) },
    ];
    const results = await launchKernel(
      device,
      kernel.wgsl,
      resources,
      [...workgroups],
      members.map((_, i) => buffers[2 * i + 1]!),
    );
    members.forEach(({ blocks, width }, i) => {
      const actual = new Float32Array(results[i]!);
      for (let column = 0; column < width; column++) {
        let sum = later ? values[2 * i + 1]![column]! : 0;
        for (let block = 0; block < blocks; block++) sum += values[2 * i]![block * width + column]!;
        // As many roundings as there are terms, of sums below their number.
        expect(Math.abs(actual[column]! - sum), `${i} ${column}`).toBeLessThan((blocks + 1) ** 2 * 2 ** -24);
      }
    });
    device.destroy();
  });
});
