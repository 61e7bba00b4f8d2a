import { elementCount } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant, type BindingType, type ParameterType } from "../../kernel.ts";
import type { Operand } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";

const WORKGROUP = 256;

/** An op whose output element i depends on element i of its inputs alone. */
export interface ElementwiseSource {
  readonly label: string;
  /** f32 unless bits are moved. */
  readonly element?: "f32" | "u32";
  /** Names of the inputs that are read at i, in the order of the call. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Small inputs that are bound whole, such as a schedule. */
  readonly shared?: Readonly<Record<string, BindingType>>;
  readonly parameters?: Readonly<Record<string, ParameterType>>;
  readonly declarations?: string;
  /** Statements that write output[i]. `T` is f32 or vec4f (u32 or vec4u), so constants are written `T(0.5)`. */
  readonly body: string;
  /** Forbids the four-at-a-time form, for bodies that need the element's own index (`p.first + i`). */
  readonly scalar?: boolean;
}

/**
 * Launches an elementwise kernel over whole tensors, in ranges where they pass the binding limit, four elements a thread where
 * the length allows it. The parameters `count` and `first` (index of the range's first element) are filled in here.
 */
export function emitElementwise(
  emitter: Emitter,
  source: ElementwiseSource,
  operands: Readonly<Record<string, Operand>>,
  parameters: Readonly<Record<string, number>> = {},
): void {
  const names = [...source.inputs, ...source.outputs];
  const length = elementCount(operands[source.outputs[0]!]!.shape);
  const width = !source.scalar && length % 4 === 0 ? 4 : 1;
  const kernel = kernelVariant(`elementwise|${source.label}|${width}`, () => {
    const scalar = source.element ?? "f32";
    const element = width === 1 ? scalar : scalar === "f32" ? "vec4f" : "vec4u";
    return {
      label: source.label,
      workgroupSize: [WORKGROUP, 1],
      bindings: {
        ...Object.fromEntries(source.inputs.map((name) => [name, `read ${element}` as const])),
        ...Object.fromEntries(source.outputs.map((name) => [name, `read_write ${element}` as const])),
        ...source.shared,
      },
      parameters: { count: "u32", first: "u32", ...source.parameters },
      declarations: `alias T = ${element};\n${source.declarations ?? ""}`,
      body: `
  let i = (${linearGroup}) * ${WORKGROUP}u + lane;
  if (i >= p.count) { return; }
${source.body.replace(/^\n+|\s+$/g, "")}`,
    };
  });
  const shared = Object.fromEntries(Object.keys(source.shared ?? {}).map((name) => [name, operands[name]!]));
  for (const { start, count } of rowRanges(source.label, length, [4], emitter.limits.maxBindingBytes)) {
    const ranges = Object.fromEntries(names.map((name) => [name, { operand: operands[name]!, start, length: count }]));
    const threads = count / width;
    emitter.dispatch(
      kernel,
      { ...ranges, ...shared },
      { count: threads, first: start, ...parameters },
      linearGrid(Math.ceil(threads / WORKGROUP), emitter.limits),
    );
  }
}
