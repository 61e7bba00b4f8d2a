import type { BackendBuffer } from "@sft/kernels";
import type { LanguageModel } from "@sft/model";
import { gatherParameters } from "./gatherParameters.ts";
import type { ParameterGroup } from "./parameterGroups.ts";
import { stateNames } from "./stepPrograms.ts";

export interface GroupBuffers {
  /** Gradient and state of each parameter by name, as parts of their group's. */
  readonly state: Map<string, BackendBuffer>;
  /** The groups' gradients and state by name. */
  readonly wholes: Map<string, BackendBuffer>;
  /** The groups' parameters, which the model keeps. */
  readonly weights: Map<string, BackendBuffer>;
}

/**
 * Buffers of all groups of several parameters, without their state where it is kept elsewhere; those of a parameter that is alone are
 * made where a program asks for them.
 */
export async function allocateGroups(model: LanguageModel, groups: readonly ParameterGroup[], withState: boolean): Promise<GroupBuffers> {
  const { backend } = model;
  const buffers: GroupBuffers = { state: new Map(), wholes: new Map(), weights: new Map() };
  for (const group of groups) {
    if (group.members.length === 1) continue;
    buffers.weights.set(group.name, await gatherParameters(model, group));
    const names = [
      stateNames.gradient,
      ...(withState ? group.rule.state(group) : []).map(
        ({ key }) =>
          (name: string) =>
            stateNames.state(key, name),
      ),
    ];
    for (const nameOf of names) {
      const whole = backend.allocate({ shape: group.shape, dtype: "f32" });
      buffers.wholes.set(nameOf(group.name), whole);
      for (const { spec, firstElement } of group.members)
        buffers.state.set(nameOf(spec.name), backend.allocate({ shape: spec.shape, dtype: "f32" }, { of: whole, firstElement }));
    }
  }
  return buffers;
}
