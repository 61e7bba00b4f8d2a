import { byteLength } from "@sft/kernels";
import type { Emitter, OpEmitter } from "../../dispatch.ts";
import type { Operand } from "../../operand.ts";
import { tanhFunction } from "../../wgsl/softcap.ts";
import { emitElementwise } from "./elementwiseKernel.ts";

/** y = a + b. */
export const add: OpEmitter = (emitter, { inputs: [a, b], outputs: [y] }) => {
  emitElementwise(emitter, { label: "add", inputs: ["a", "b"], outputs: ["y"], body: "  y[i] = a[i] + b[i];" }, { a: a!, b: b!, y: y! });
};

/** y = a * b. */
export const multiply: OpEmitter = (emitter, { inputs: [a, b], outputs: [y] }) => {
  emitElementwise(
    emitter,
    { label: "multiply", inputs: ["a", "b"], outputs: ["y"], body: "  y[i] = a[i] * b[i];" },
    { a: a!, b: b!, y: y! },
  );
};

/** y = a / b. */
export const divide: OpEmitter = (emitter, { inputs: [a, b], outputs: [y] }) => {
  emitElementwise(emitter, { label: "divide", inputs: ["a", "b"], outputs: ["y"], body: "  y[i] = a[i] / b[i];" }, { a: a!, b: b!, y: y! });
};

/** y = cap * tanh(x / cap). */
export const softcap: OpEmitter = (emitter, { inputs: [x], outputs: [y], attributes }) => {
  emitElementwise(
    emitter,
    {
      label: "softcap",
      inputs: ["x"],
      outputs: ["y"],
      parameters: { cap: "f32" },
      declarations: tanhFunction,
      body: "  y[i] = p.cap * tanhOf(x[i] / p.cap);",
    },
    { x: x!, y: y! },
    { cap: attributes["cap"] as number },
  );
};

/** y = factor * x. */
export const scale: OpEmitter = (emitter, { inputs: [x], outputs: [y], attributes }) => {
  emitElementwise(
    emitter,
    { label: "scale", inputs: ["x"], outputs: ["y"], parameters: { factor: "f32" }, body: "  y[i] = p.factor * x[i];" },
    { x: x!, y: y! },
    { factor: attributes["factor"] as number },
  );
};

/** y = x, for 2-byte types too: two elements a word. */
export const copy: OpEmitter = (emitter, { inputs: [x], outputs: [y] }) => emitCopy(emitter, x!, y!);

/** y = x in the other float type. */
export const cast: OpEmitter = copy;

/** The same elements under another shape. */
export const reshape: OpEmitter = copy;

/** y = value everywhere. */
export const fill: OpEmitter = (emitter, { outputs: [y], attributes }) => emitFill(emitter, y!, attributes["value"] as number);

/** y = 0 everywhere; the input's values do not matter. */
export const zero: OpEmitter = (emitter, { outputs: [y] }) => emitFill(emitter, y!, 0);

/**
 * Copies x to y where they are not the same memory. As integers: a float copy may flush small values, and small integers are such.
 * Between float32 and float16 it converts, rounding to nearest.
 */
export function emitCopy(emitter: Emitter, x: Operand, y: Operand): void {
  if (x.dtype !== y.dtype) {
    emitElementwise(emitter, { label: "convert", inputs: ["x"], outputs: ["y"], body: "  y[i] = T(x[i]);" }, { x, y });
    return;
  }
  if (x.storage === y.storage) return;
  const words = (operand: Operand): Operand => ({ ...operand, shape: [Math.ceil(byteLength(operand) / 4)], dtype: "i32" });
  emitElementwise(
    emitter,
    { label: "copy", element: "u32", inputs: ["x"], outputs: ["y"], body: "  y[i] = x[i];" },
    { x: words(x), y: words(y) },
  );
}

/** Writes one value to every element. */
export function emitFill(emitter: Emitter, y: Operand, value: number): void {
  emitElementwise(
    emitter,
    { label: "fill", inputs: [], outputs: ["y"], parameters: { value: "f32" }, body: "  y[i] = T(p.value);" },
    { y },
    { value },
  );
}
