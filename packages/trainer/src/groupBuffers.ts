import type { BackendBuffer, DType } from "@sft/kernels";
import type { LanguageModel } from "@sft/model";
import { gatherParameters } from "./gatherParameters.ts";
import { halfCopyName, isCopied } from "./halfCopies.ts";
import type { ParameterGroup } from "./parameterGroups.ts";
import { stateNames } from "./stepPrograms.ts";

export interface GroupBuffers {
  /** Gradient, state and copy of each parameter by name, as parts of their group's. */
  readonly state: Map<string, BackendBuffer>;
  /** The groups' gradients, state and copies by name. */
  readonly wholes: Map<string, BackendBuffer>;
  /** The groups' parameters, which the model keeps. */
  readonly weights: Map<string, BackendBuffer>;
}

/**
 * Buffers of all groups of several parameters, without their state where it is kept elsewhere; those of a parameter that is alone are
 * made where a program asks for them.
 */
export async function allocateGroups(
  model: LanguageModel,
  groups: readonly ParameterGroup[],
  withState: boolean,
  copies: ReadonlyMap<string, string>,
): Promise<GroupBuffers> {
  const { backend } = model;
  const buffers: GroupBuffers = { state: new Map(), wholes: new Map(), weights: new Map() };
  for (const group of groups) {
    if (group.members.length === 1) continue;
    buffers.weights.set(group.name, await gatherParameters(model, group));
    const { members, shape } = group;
    const allocate = (nameOf: (parameter: string) => string, dtype: DType): void => {
      const whole = backend.allocate({ shape, dtype });
      buffers.wholes.set(nameOf(group.name), whole);
      for (const { spec, firstElement } of members)
        buffers.state.set(nameOf(spec.name), backend.allocate({ shape: spec.shape, dtype }, { of: whole, firstElement }));
    };
    allocate(stateNames.gradient, "f32");
    for (const { key, dtype } of withState ? group.rule.state(group) : []) allocate((name) => stateNames.state(key, name), dtype);
    if (isCopied(group, copies)) allocate(halfCopyName, "f16");
  }
  return buffers;
}
