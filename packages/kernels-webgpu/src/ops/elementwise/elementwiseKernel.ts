import { bytesPerElement, elementCount } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant, type BindingType, type ParameterType } from "../../kernel.ts";
import { floatElement, type FloatElement, type Operand } from "../../operand.ts";
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
  /**
   * Statements that read input[i] and write output[i] = value;. `T` is f32 or vec4f (u32 or vec4u), so constants are written
   * `T(0.5)`; operands in float16 are converted where they are read and written.
   */
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
  const elementOf = (name: string): FloatElement | "u32" | "vec4u" =>
    source.element === "u32" ? (width === 4 ? "vec4u" : "u32") : floatElement(operands[name]!, width);
  const halves = names.filter((name) => operands[name]!.dtype === "f16");
  const kernel = kernelVariant(`elementwise|${source.label}|${width}|${halves.join()}`, () => {
    const wide = source.element === "u32" ? elementOf(source.outputs[0]!) : width === 4 ? "vec4f" : "f32";
    return {
      label: source.label,
      workgroupSize: [WORKGROUP, 1],
      bindings: {
        ...Object.fromEntries(source.inputs.map((name) => [name, `read ${elementOf(name)}` as const])),
        ...Object.fromEntries(source.outputs.map((name) => [name, `read_write ${elementOf(name)}` as const])),
        ...source.shared,
      },
      parameters: { count: "u32", first: "u32", ...source.parameters },
      declarations: `alias T = ${wide};\n${source.declarations ?? ""}`,
      body: `
  let i = (${linearGroup}) * ${WORKGROUP}u + lane;
  if (i >= p.count) { return; }
${withConversions(source, halves, elementOf).replace(/^\n+|\s+$/g, "")}`,
    };
  });
  const sizes = names.map((name) => bytesPerElement(operands[name]!.dtype));
  const shared = Object.fromEntries(Object.keys(source.shared ?? {}).map((name) => [name, operands[name]!]));
  for (const { start, count } of rowRanges(source.label, length, sizes, emitter.limits.maxBindingBytes)) {
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

/** The body with float16 operands converted: `x[i]` becomes `T(x[i])`, and `y[i] = value;` becomes `y[i] = vec4h(value);`. */
function withConversions({ body, inputs }: ElementwiseSource, halves: readonly string[], elementOf: (name: string) => string): string {
  return halves.reduce(
    (text, name) =>
      inputs.includes(name)
        ? text.replace(new RegExp(`\\b${name}\\[i\\]`, "g"), `T(${name}[i])`)
        : text.replace(new RegExp(`\\b${name}\\[i\\] = ([^;]*);`, "g"), `${name}[i] = ${elementOf(name)}($1);`),
    body,
  );
}
