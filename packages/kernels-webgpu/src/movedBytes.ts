import type { Dispatch } from "./dispatch.ts";
import type { DispatchList } from "./listDispatches.ts";

/**
 * Bytes that each dispatch moves if every buffer that it binds is read or written once, and read and written where its instruction
 * updates it in place. `sameBuffer` as for `listDispatches`.
 */
export function movedBytes(
  { program, dispatches, instructionOf, plan, storages }: DispatchList,
  sameBuffer: (tensor: number) => number,
): readonly number[] {
  const slots = new Map<number, number>();
  const externals = new Map<number, number>();
  storages.forEach((storage, number) => {
    if (storage.kind === "planned") slots.set(storage.slot, number);
    if (storage.kind === "external") externals.set(storage.tensor, number);
  });
  const storageOf = (tensor: number): number | undefined =>
    program.tensors[tensor]!.role === "activation" ? slots.get(plan.slotOf[tensor]!) : externals.get(sameBuffer(tensor));
  const readOf = program.instructions.map(({ inputs }) => new Set(inputs.map(storageOf)));
  return dispatches.map(({ kernel, bindings }: Dispatch, index) => {
    const read = readOf[instructionOf[index]!]!;
    return bindings.reduce(
      (sum, { storage, byteLength }, slot) => sum + byteLength * (kernel.bindings[slot]!.writes && read.has(storage) ? 2 : 1),
      0,
    );
  });
}
