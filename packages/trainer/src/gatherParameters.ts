import { Tape, type BackendBuffer } from "@sft/kernels";
import type { LanguageModel } from "@sft/model";
import type { ParameterGroup } from "./parameterGroups.ts";

/**
 * Moves a group's parameters into one buffer, one behind the other, and gives that buffer. Parameters that lie so already stay.
 * Programs that were compiled against the parameters' old buffers cannot run any more.
 */
export async function gatherParameters(model: LanguageModel, { name, members, shape }: ParameterGroup): Promise<BackendBuffer> {
  const { backend, buffers } = model;
  const old = members.map(({ spec }) => buffers.get(spec.name)!);
  const present = old[0]!.part?.of;
  const inPlace = ({ part }: BackendBuffer, index: number): boolean =>
    part !== undefined && part.of === present && part.firstElement === members[index]!.firstElement;
  if (members.length === 1) return old[0]!;
  if (present && present.length === shape[0] && old.every(inPlace)) return present;

  const whole = backend.allocate({ shape, dtype: "f32" });
  const bindings = new Map<string, BackendBuffer>();
  const tape = new Tape(`gather ${name}`);
  members.forEach(({ spec, firstElement }, index) => {
    const part = backend.allocate({ shape: spec.shape, dtype: "f32" }, { of: whole, firstElement });
    tape.copy(tape.parameter(spec.name, spec.shape, false), tape.output(`${spec.name}, gathered`, spec.shape));
    bindings.set(spec.name, old[index]!).set(`${spec.name}, gathered`, part);
    buffers.set(spec.name, part);
  });
  const copying = await backend.compile(tape.finish(), bindings);
  backend.run(copying);
  backend.free(copying);
  for (const buffer of old) backend.free(buffer);
  const stillUsed = new Set([...buffers.values()].map(({ part }) => part?.of));
  for (const former of new Set(old.map(({ part }) => part?.of))) if (former && !stillUsed.has(former)) backend.free(former);
  return whole;
}
