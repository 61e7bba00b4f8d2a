import { gatedActivation, matmul, Tape, type ActivationKind, type Program, type Value } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { listDispatches } from "../listDispatches.ts";
import { createNodeDevice } from "../nodeDevice.ts";
import { opTable } from "@sft/kernels";

const limits: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };

interface Form {
  readonly rows?: number;
  readonly width?: number;
  readonly alphas?: readonly [gate: number, up: number];
  readonly kind?: ActivationKind;
  /** What gate reads, where that is not what up reads. */
  readonly other?: boolean;
  /** Whether gate is written where the caller sees it. */
  readonly bound?: boolean;
}

/** A gated layer: gate and up of what a product gave, and the product of what comes of them. */
function layer({ rows = 2048, width = 1536, alphas = [1, 1], kind = "silu", other = false, bound = false }: Form = {}): Program {
  const tape = new Tape("layer");
  const weight = (name: string, n: number, k: number): Value => tape.input(name, [n, k], "f16");
  const nt = (x: Value, w: Value, alpha = 1, y?: Value): Value =>
    tape.apply(matmul, [x, w], { transposeA: false, transposeB: true, alpha }, y && [y])[0]!;
  const [x, second] = ["x", "x2"].map((name) => nt(tape.input(name, [rows, 128], "f16"), weight(`${name}.w`, 576, 128)));
  const gate = nt(other ? second! : x!, weight("gate.w", width, 576), alphas[0], bound ? tape.output("gate", [rows, width]) : undefined);
  const up = nt(x!, weight("up.w", width, 576), alphas[1]);
  nt(tape.apply(gatedActivation, [gate, up], { kind })[0]!, weight("down.w", 576, width), 1, tape.output("y", [rows, 576]));
  return tape.finish();
}

const opsOf = (program: Program, given: KernelLimits = limits): readonly string[] =>
  listDispatches(program, opTable, given).program.instructions.map(({ op }) => op);

it("makes one launch of gate, up and what comes of them", () => {
  expect(opsOf(layer())).toContain("gatedProduct");
  expect(opsOf(layer())).not.toContain("gatedActivation");
  const { dispatches } = listDispatches(layer(), opTable, limits);
  expect(dispatches.filter(({ kernel }) => kernel.label.includes("of gate and up, and silu"))).toHaveLength(1);
});

it.each([
  ["factors differ", { alphas: [1, 2] }],
  ["gate reads something else", { other: true }],
  ["the caller sees gate, in float32", { bound: true }],
  ["a width is no multiple of half a tile", { width: 1544 }],
  ["the products are small", { rows: 64 }],
] satisfies [string, Form][])("leaves three instructions where %s", (_, form) => {
  expect(opsOf(layer(form))).not.toContain("gatedProduct");
  expect(opsOf(layer(form))).toContain("gatedActivation");
});

it("needs matrix units", () => {
  expect(opsOf(layer(), { ...limits, matrixUnits: false })).not.toContain("gatedProduct");
});

it.each(["silu", "gelu", "geluTanh", "relu"] as const)(
  "writes WGSL that Dawn accepts for %s, with rows that are no whole blocks",
  async (kind) => {
    const { device } = await createNodeDevice({ graphics: "null" });
    const { dispatches } = listDispatches(layer({ rows: 2056, kind }), opTable, limits);
    const { kernel } = dispatches.find((one) => one.kernel.label.includes("of gate and up"))!;
    const { messages } = await device.createShaderModule({ code: kernel.wgsl }).getCompilationInfo();
    expect(messages.filter(({ type }) => type === "error").map(({ message }) => message)).toEqual([]);
    device.destroy();
  },
);
