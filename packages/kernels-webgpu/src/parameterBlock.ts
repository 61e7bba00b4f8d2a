import type { Dispatch } from "./dispatch.ts";

/** Alignment of uniform offsets that every WebGPU device accepts. */
const ALIGNMENT = 256;

/** The scalar parameters of all dispatches of a program, in one buffer that never changes. */
export interface ParameterBlock {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each dispatch's parameters start; -1 when it has none. */
  readonly offsetOf: Int32Array;
}

/** Packs parameters, equal ones once. */
export function packParameters(dispatches: readonly Dispatch[]): ParameterBlock {
  const offsets = new Map<string, number>();
  const offsetOf = new Int32Array(dispatches.length).fill(-1);
  const chunks: DataView[] = [];
  dispatches.forEach(({ kernel, parameters }, index) => {
    if (parameters.length === 0) return;
    const view = new DataView(new ArrayBuffer(ALIGNMENT));
    kernel.parameters.forEach(({ name, type }, slot) => {
      const value = parameters[slot]!;
      if (type === "f32") view.setFloat32(slot * 4, value, true);
      else if (Number.isInteger(value) && value >= -0x80000000 && value <= 0xffffffff) view.setUint32(slot * 4, value >>> 0, true);
      else throw new RangeError(`${kernel.label}: ${name} must be an integer of 32 bits, got ${value}`);
    });
    const key = new Uint32Array(view.buffer, 0, parameters.length).join();
    let offset = offsets.get(key);
    if (offset === undefined) {
      offset = chunks.length * ALIGNMENT;
      offsets.set(key, offset);
      chunks.push(view);
    }
    offsetOf[index] = offset;
  });
  const bytes = new Uint8Array(chunks.length * ALIGNMENT);
  chunks.forEach((chunk, index) => bytes.set(new Uint8Array(chunk.buffer), index * ALIGNMENT));
  return { bytes, offsetOf };
}
