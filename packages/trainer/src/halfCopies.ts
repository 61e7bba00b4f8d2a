import { cast, elementCount, Tape, type Capabilities, type Program } from "@sft/kernels";
import { frozenWeightsFor, type ParameterSpec } from "@sft/model";
import { optimisers } from "./optimisers/index.ts";
import type { ParameterGroup } from "./parameterGroups.ts";
import type { TrainingSettings } from "./settings.ts";

/** The name of the copy of a parameter, or of a group of them. */
export const halfCopyName = (parameter: string): string => `half.${parameter}`;

/** What decides about copies. */
export type HalfCopySettings = Pick<TrainingSettings, "method"> & Partial<Pick<TrainingSettings, "optimiser" | "offloadOptimiser">>;

/**
 * The float16 copies that a run holds of the weights that it trains, as names of tensors by parameter: of those that linear layers or the
 * loss's `head` read and whose update writes the copy as well, where products round weights to float16 anyway. The copies cost half of the
 * weights' memory and save rounding them in every pass; gradients, update and checkpoints stay float32 (Micikevicius et al. 2018, section 3.1).
 * Where no linear layer is as large as the backend's `halfCopiesFrom`, there are none.
 */
export function halfCopies(
  parameters: readonly ParameterSpec[],
  head: string,
  { method, optimiser, offloadOptimiser = false }: HalfCopySettings,
  capabilities: Capabilities,
): ReadonlyMap<string, string> {
  if (method !== "full" || optimiser === undefined || offloadOptimiser || frozenWeightsFor(capabilities) !== "float16") return new Map();
  const { ruleFor } = optimisers[optimiser];
  const isLinear = ({ kind }: ParameterSpec): boolean => kind === "linear" || kind === "conv1d";
  const { halfCopiesFrom = 0 } = capabilities;
  if (!parameters.some((one) => isLinear(one) && elementCount(one.shape) >= halfCopiesFrom)) return new Map();
  const isRead = (one: ParameterSpec): boolean => isLinear(one) || one.name === head;
  const copied = parameters.filter((one) => isRead(one) && ruleFor(one).writesHalfCopy);
  return new Map(copied.map(({ name }) => [name, halfCopyName(name)]));
}

/** Whether a group has a copy: as a whole, where a product reads one of its members so. */
export function isCopied({ members }: ParameterGroup, copies: ReadonlyMap<string, string>): boolean {
  return members.some(({ spec }) => copies.has(spec.name));
}

/** Makes the copies of all groups that have one, for parameters that no update has moved. */
export function copyProgram(groups: readonly ParameterGroup[], copies: ReadonlyMap<string, string>): Program {
  const tape = new Tape("half copies");
  for (const { name, shape } of groups.filter((group) => isCopied(group, copies))) {
    const copy = tape.external(halfCopyName(name), "state", shape, "f16");
    tape.apply(cast, [tape.parameter(name, shape, false)], { dtype: "f16" }, [copy]);
  }
  return tape.finish();
}
