import {
  type Backend,
  BackendError,
  type BackendBuffer,
  describeType,
  elementCount,
  type HostArray,
  type Program,
  ProgramError,
  type TensorSpec,
} from "@sft/kernels";
import { CpuBuffer } from "./buffer.ts";

/** @throws BackendError "bad-buffer" for another backend's buffer, "buffer-freed" */
export function expectBuffer(buffer: BackendBuffer, owner: Backend): CpuBuffer {
  if (!(buffer instanceof CpuBuffer) || buffer.owner !== owner)
    throw new BackendError("bad-buffer", "this buffer was made by another backend");
  if (buffer.freed) throw new BackendError("buffer-freed", `a freed ${buffer.dtype} buffer of ${buffer.length} elements was used`);
  return buffer;
}

/** @throws BackendError "bad-buffer" for elements that are not all inside the buffer */
export function expectRange(buffer: CpuBuffer, offset: number, length: number): void {
  if (Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0 && offset + length <= buffer.length) return;
  throw new BackendError("bad-buffer", `elements ${offset} to ${offset + length} are not inside a buffer of ${buffer.length} elements`);
}

/** @throws BackendError "bad-buffer" for data of another type than the buffer's */
export function expectData(buffer: CpuBuffer, data: HostArray): void {
  const floats = data instanceof Float32Array || data instanceof Float64Array;
  const matches = buffer.dtype === "f32" ? floats : buffer.dtype === "i32" ? data instanceof Int32Array : data instanceof Uint16Array;
  if (!matches) throw new BackendError("bad-buffer", `upload: a ${buffer.dtype} buffer cannot take a ${data.constructor.name}`);
}

/** The buffer that a program's tensor is bound to. @throws ProgramError "unbound-tensor", BackendError "bad-buffer", "buffer-freed" */
export function expectBinding(program: Program, tensor: TensorSpec, bound: BackendBuffer | undefined, owner: Backend): CpuBuffer {
  if (!bound) {
    throw new ProgramError(
      "unbound-tensor",
      `program ${program.name}: no buffer is bound to ${tensor.role} ${tensor.name}, ${describeType(tensor)}`,
    );
  }
  const buffer = expectBuffer(bound, owner);
  if (buffer.dtype !== tensor.dtype || buffer.length !== elementCount(tensor.shape)) {
    throw new BackendError(
      "bad-buffer",
      `program ${program.name}: ${tensor.name} is ${describeType(tensor)}, its buffer holds ${buffer.length} elements of ${buffer.dtype}`,
    );
  }
  return buffer;
}
