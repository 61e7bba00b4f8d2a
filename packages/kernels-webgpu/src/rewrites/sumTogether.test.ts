import { copy, matmul, opTable, rmsNormWeightGrad, Tape, type Program, type Value } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { listDispatches } from "../listDispatches.ts";
import { createNodeDevice } from "../nodeDevice.ts";
import { sumSeveralKernel } from "../ops/matmul/sumParts.ts";
import { sumTogether } from "./sumTogether.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";
import { launchKernel } from "../testing/launchKernel.ts";
import { createWebGpuBackend } from "../webGpuBackend.ts";

const limits: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };
const itself = (tensor: number): number => tensor;

/** A factor of its own for each product, so that no two of them share a launch. */
const alphaOf = (product: number): number => 2 ** (-1 - product);

/** Gradients of the matrices of LoRA, y (16, n) = alpha a^T b over 2048 tokens, in place where `accumulate`; `then` goes on. */
function gradients(
  widths: readonly number[],
  accumulate = true,
  then?: (tape: Tape, ys: readonly Value[]) => void,
  type: "f16" | "f32" = "f16",
): Program {
  const tape = new Tape("gradients");
  const ys = widths.map((n, i) => {
    const [a, b] = [tape.input(`a${i}`, [2048, 16], type), tape.input(`b${i}`, [2048, n], type)];
    const y = tape.output(`y${i}`, [16, n]);
    tape.apply(matmul, accumulate ? [a, b, y] : [a, b], { transposeA: true, transposeB: false, alpha: alphaOf(i) }, [y]);
    return y;
  });
  then?.(tape, ys);
  return tape.finish();
}

const ops = (program: Program): readonly string[] => sumTogether(program, limits, itself).instructions.map(({ op }) => op);

it("adds up the parts of five products in one launch, and of those left in another", () => {
  const { dispatches } = listDispatches(gradients([64, 128, 192, 256, 320, 384, 448]), opTable, limits);
  const product = "matmul TN 16x64x128 on matrix units, f16 f16 to f32";
  expect(dispatches.map(({ kernel }) => kernel.label)).toEqual([
    ...Array.from({ length: 5 }, () => product),
    "matmul, sums of depth parts of 5",
    product,
    product,
    "matmul, sums of depth parts of 2",
  ]);
});

it("launches each product as it would be alone, into parts that live until their sum", () => {
  const widths = [64, 128, 192, 256, 320];
  const { dispatches, storages } = listDispatches(gradients(widths), opTable, limits);
  const sum = dispatches.at(-1)!;
  widths.forEach((width, i) => {
    const alone = listDispatches(gradients([width], true), opTable, { ...limits }).dispatches[0]!;
    const [kernel, parameters, workgroups] = [dispatches[i]!.kernel, dispatches[i]!.parameters, dispatches[i]!.workgroups];
    expect({ kernel, parameters, workgroups }).toEqual({
      kernel: alone.kernel,
      parameters: alone.parameters,
      workgroups: alone.workgroups,
    });
    // 2048 tokens in parts of 512, each a plane of 16 rows.
    const planes = dispatches[i]!.bindings.at(-1)!;
    expect(planes.byteLength).toBe(4 * 16 * width * 4);
    expect(sum.bindings[2 * i]).toEqual(planes);
    expect(storages[sum.bindings[2 * i + 1]!.storage]).toEqual({ kind: "external", tensor: 3 * i + 2 });
    expect(sum.parameters.slice(4 * i, 4 * i + 4)).toEqual([(16 * width) / 4, 4, alphaOf(i), 1]);
  });
  expect(new Set(sum.bindings.map(({ storage }) => storage)).size).toBe(10);
});

it("adds up before anything touches a result: a reader, another product into it, a tensor that may be a view of it", () => {
  const reading = gradients([64, 64], true, (tape, ys) => void tape.apply(copy, [ys[0]!], {}, [tape.output("copied", [16, 64])]));
  expect(ops(reading)).toEqual(["matmul", "matmul", "sumParts", "copy"]);
  const again = gradients([64], true, (tape, [y]) => {
    const [a, b] = [tape.input("c", [2048, 16], "f16"), tape.input("d", [2048, 64], "f16")];
    tape.apply(matmul, [a, b, y!], { transposeA: true, transposeB: false, alpha: 1 }, [y!]);
  });
  expect(ops(again)).toEqual(["matmul", "sumParts", "matmul", "sumParts"]);
  const other = gradients([64], true, (tape) => {
    tape.apply(copy, [tape.input("x", [8], "f32")], {}, [tape.output("whole", [8])]);
  });
  expect(ops(other)).toEqual(["matmul", "sumParts", "copy"]);
  const shared = gradients([64, 64]);
  const firstOf = (tensor: number): number => (shared.tensors[tensor]!.name === "y1" ? 2 : tensor);
  expect(sumTogether(shared, limits, firstOf).instructions.map(({ op }) => op)).toEqual(["matmul", "sumParts", "matmul", "sumParts"]);
});

it("goes on waiting where a norm's gradient, in a tensor of its own, lies between products", () => {
  const norm = (tape: Tape, into: Value): void => {
    const [dy, x, rstd] = [tape.input("dy", [64, 128]), tape.input("x", [64, 128]), tape.input("rstd", [64])];
    tape.apply(rmsNormWeightGrad, [dy, x, rstd], { width: 128 }, [into]);
  };
  const between = gradients([64], true, (tape) => {
    norm(tape, tape.output("dWeight", [128]));
    const [a, b, y] = [tape.input("c", [2048, 16], "f16"), tape.input("d", [2048, 64], "f16"), tape.output("y", [16, 64])];
    tape.apply(matmul, [a, b, y], { transposeA: true, transposeB: false, alpha: 1 }, [y]);
  });
  expect(ops(between)).toEqual(["matmul", "rmsNormWeightGrad", "matmul", "sumParts"]);
});

it("lets no more parts wait than 64 MiB", () => {
  const tape = new Tape("large");
  for (let i = 0; i < 5; i++) {
    const [a, b] = [tape.input(`a${i}`, [8192, 512], "f16"), tape.input(`b${i}`, [8192, 2048], "f16")];
    // Four parts of 4 MiB each.
    tape.apply(matmul, [a, b], { transposeA: true, transposeB: false, alpha: alphaOf(i) }, [tape.output(`y${i}`, [512, 2048])]);
  }
  const bound = { ...limits, maxBindingBytes: 2 ** 30 };
  expect(sumTogether(tape.finish(), bound, itself).instructions.map(({ op }) => op)).toEqual([
    "matmul",
    "matmul",
    "matmul",
    "matmul",
    "sumParts",
    "matmul",
    "sumParts",
  ]);
});

it("leaves a program alone without matrix units, and products that have one part", () => {
  const program = gradients([64, 128]);
  expect(sumTogether(program, { ...limits, matrixUnits: false }, itself)).toBe(program);
  const tape = new Tape("whole");
  const [a, b] = [tape.input("a", [1024, 64], "f16"), tape.input("b", [64, 1024], "f16")];
  tape.apply(matmul, [a, b], { transposeA: false, transposeB: false, alpha: 1 }, [tape.output("y", [1024, 1024])]);
  const whole = tape.finish();
  expect(sumTogether(whole, limits, itself)).toBe(whole);
});

describeOnGpu("the sum of several products", () => {
  it("adds the planes of each in order, scales, and adds to y where told, with results in one buffer", async () => {
    const members = [
      { length: 64, count: 3, alpha: 0.5, accumulate: 1 },
      { length: 1024, count: 1, alpha: 2, accumulate: 0 },
      { length: 192, count: 16, alpha: 1, accumulate: 1 },
      { length: 320, count: 4, alpha: 0.25, accumulate: 0 },
      { length: 128, count: 2, alpha: 3, accumulate: 1 },
    ];
    const { device } = await createNodeDevice(testDeviceOptions);
    const filled = (data: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>, usage: number) => {
      const buffer = device.createBuffer({ size: data.byteLength, usage: usage | 0x8 });
      device.queue.writeBuffer(buffer, 0, data);
      return buffer;
    };
    const values = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(seed + i));
    const planes = members.map(({ length, count }, i) => values(length * count, 10 * i));
    // Offsets are multiples of 64 floats: 256 bytes.
    const firsts = members.map((_, i) => members.slice(0, i).reduce((sum, { length }) => sum + length, 0));
    const before = values(1728, 99);
    const results = filled(before, 0x80 | 0x4);
    const parameters = new DataView(new ArrayBuffer(80));
    members.forEach(({ length, count, alpha, accumulate }, i) => {
      parameters.setUint32(16 * i, length / 4, true);
      parameters.setUint32(16 * i + 4, count, true);
      parameters.setFloat32(16 * i + 8, alpha, true);
      parameters.setUint32(16 * i + 12, accumulate, true);
    });
    const kernel = sumSeveralKernel(5);
    const resources = [
      ...members.flatMap(({ length }, i) => [
        { buffer: filled(planes[i]!, 0x80) },
        { buffer: results, offset: 4 * firsts[i]!, size: 4 * length },
      ]),
      { buffer: filled(new Uint8Array(parameters.buffer), 0x40) },
    ];
    const [bytes] = await launchKernel(device, kernel.wgsl, resources, [Math.ceil(1728 / 4 / 256)], [results]);
    const actual = new Float32Array(bytes!);
    const expected = members.flatMap(({ length, count, alpha, accumulate }, i) =>
      Array.from({ length }, (_, at) => {
        let sum = 0;
        for (let part = 0; part < count; part++) sum += planes[i]![part * length + at]!;
        return alpha * sum + accumulate * before[firsts[i]! + at]!;
      }),
    );
    // 18 roundings at most, each of 2^-24 of sums below 20.
    const worst = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - actual[at]!)), 0);
    expect(worst).toBeLessThan(18 * 20 * 2 ** -24);
    expect(expected.some((value) => Math.abs(value) > 1)).toBe(true);
    device.destroy();
  });
});

/** What the kernel of a product a^T b on matrix units computes, for any device: the sums of one part of the depth, 16 x 64 a workgroup. */
const plainProduct = `
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
struct Parameters {
  m: u32, n: u32, k: u32, aStride: u32, bStride: u32, yStride: u32, aFirst: u32, bFirst: u32, yFirst: u32,
  partDepth: u32, planeStride: u32, alpha: f32, accumulate: u32
}
@group(0) @binding(3) var<uniform> p: Parameters;
@compute @workgroup_size(64) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  for (var row = 0u; row < 16u; row++) {
    var sum = 0.0;
    let column = group.x * 64u + lane;
    let first = group.z * p.partDepth;
    for (var d = first; d < min(p.k, first + p.partDepth); d++) { sum += a[d * p.aStride + row] * b[d * p.bStride + column]; }
    y[group.z * p.planeStride + row * p.yStride + column] = p.alpha * sum;
  }
}`;

describeOnGpu("a program with sums of several products", () => {
  it("has the values of its products, in place twice, with results that are parts of one buffer", async () => {
    const { device } = await createNodeDevice(testDeviceOptions);
    // A device that says it had matrix units, with another text for the kernel that uses them.
    const needed = ["shader-f16", "chromium-experimental-subgroup-matrix"];
    const createShaderModule = device.createShaderModule.bind(device);
    let replaced = 0;
    Object.defineProperty(device, "features", { value: new Set([...device.features, ...needed]) });
    Object.defineProperty(device, "createShaderModule", {
      value: ({ code }: GPUShaderModuleDescriptor) => {
        const onMatrixUnits = code.includes("subgroup_matrix");
        if (onMatrixUnits) replaced++;
        return createShaderModule({ code: onMatrixUnits ? plainProduct : code });
      },
    });
    const units = { componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 };
    const words = { vendor: "", architecture: "", device: "", description: "" };
    const adapterInfo = { ...words, subgroupMaxSize: 32, subgroupMatrixConfigs: [units] };
    const backend = await createWebGpuBackend({ device, precision: "mixed", adapterInfo, ownsDevice: true });
    const widths = [64, 128, 64, 64, 64, 64];
    const program = gradients(widths, true, undefined, "f32");
    // Multiples of 1/16 up to 1: 2048 products of them and twice their sum are exact in float32.
    const values = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => (((i * 37 + seed * 11) % 33) - 16) / 16);
    const whole = backend.allocate({ shape: [16 * 448], dtype: "f32" });
    const before = values(16 * 448, 5);
    backend.upload(whole, before);
    let firstElement = 0;
    const data = new Map<string, Float32Array>();
    const bindings = program.tensors.map((tensor, index) => {
      const part = tensor.role === "output" ? { of: whole, firstElement } : undefined;
      const buffer = backend.allocate(tensor, part);
      if (part) firstElement += buffer.length;
      else {
        data.set(tensor.name, values(buffer.length, index));
        backend.upload(buffer, values(buffer.length, index));
      }
      return [tensor.name, buffer] as const;
    });
    const executable = await backend.compile(program, new Map(bindings));
    backend.run(executable);
    backend.run(executable);
    const actual = await backend.download(whole);
    const expected = widths.flatMap((width, i) => {
      const [a, b] = [data.get(`a${i}`)!, data.get(`b${i}`)!];
      return Array.from({ length: 16 * width }, (_, at) => {
        let sum = 0;
        for (let d = 0; d < 2048; d++) sum += a[16 * d + Math.floor(at / width)]! * b[width * d + (at % width)]!;
        return 2 * alphaOf(i) * sum;
      });
    });
    expect(replaced).toBe(1);
    expect([...actual]).toEqual(expected.map((value, at) => value + before[at]!));
    await backend.dispose();
  });
});
