import type { BufferPart } from "./backend.ts";
import { BackendError } from "./errors.ts";
import { describeType, elementCount, type TensorType } from "./tensor.ts";

/** Checks that a buffer of `type` can be a part of another. @throws BackendError "bad-buffer" when it is not inside, or not aligned. */
export function checkPart(type: TensorType, { of, firstElement }: BufferPart, alignment: number): void {
  const place = `${describeType(type)} at element ${firstElement} of a buffer of ${of.length} ${of.dtype}`;
  if (of.dtype !== type.dtype) throw new BackendError("bad-buffer", `${place}: a part has the type of its whole`);
  if (of.part) throw new BackendError("bad-buffer", `${place}: that is a part itself`);
  if (!Number.isInteger(firstElement) || firstElement < 0 || firstElement + elementCount(type.shape) > of.length)
    throw new BackendError("bad-buffer", `${place}: it is not inside`);
  if (firstElement % alignment !== 0)
    throw new BackendError("bad-buffer", `${place}: parts start at multiples of ${alignment} elements here`);
}
