import { elementCount } from "@sft/kernels";
import type { ParameterSpec } from "@sft/model";
import { optimisers } from "./optimisers/index.ts";
import type { UpdateRule } from "./optimisers/optimiser.ts";
import type { TrainingSettings } from "./settings.ts";

/** Parameters that lie one behind the other in one buffer, and that one op moves: their gradients and state lie alike. */
export interface ParameterGroup {
  /** Name of the group's tensor; of a parameter that is alone, its own. */
  readonly name: string;
  readonly members: readonly GroupMember[];
  /** [elements, gaps between members included], or the shape of the one member. */
  readonly shape: readonly number[];
  readonly rule: UpdateRule;
  /** The learning rate as a share of the run's. */
  readonly rateRatio: number;
  readonly weightDecay: number;
}

export interface GroupMember {
  readonly spec: ParameterSpec;
  readonly firstElement: number;
}

/** Elements of a group at most, 128 MiB: what WebGPU binds on every device. A larger parameter is alone. */
const LARGEST_GROUP = 2 ** 25;

/** A parameter's learning rate as a share of the run's: LoRA+ (Hayou et al. 2024) moves B, and with it DoRA's magnitudes, faster than A. */
export function rateRatioOf({ name }: ParameterSpec, { loraPlusRatio }: TrainingSettings): number {
  return /\.lora_(B\.weight|magnitude_vector)$/.test(name) ? loraPlusRatio : 1;
}

/**
 * Puts parameters together whose update is the same formula element by element, with the same learning rate and weight decay, so that
 * hundreds of small updates become a few large ones. Members start at multiples of `alignment` elements; without it, every parameter
 * is alone.
 */
export function groupParameters(
  parameters: readonly ParameterSpec[],
  settings: TrainingSettings,
  alignment: number | undefined,
): readonly ParameterGroup[] {
  const groups: ParameterGroup[] = [];
  const open = new Map<string, { readonly place: number; readonly members: GroupMember[]; length: number }>();
  let groupsOfSeveral = 0;
  const rules = new Map<UpdateRule, number>();
  const close = (key: string): void => {
    const { place, members, length } = open.get(key)!;
    if (members.length > 1) groups[place] = { ...groups[place]!, name: `group.${groupsOfSeveral++}`, members, shape: [length] };
    open.delete(key);
  };
  for (const spec of parameters) {
    const rule = optimisers[settings.optimiser].ruleFor(spec);
    const rateRatio = rateRatioOf(spec, settings);
    const weightDecay = spec.shape.length >= 2 ? settings.weightDecay : 0;
    const alone: ParameterGroup = {
      name: spec.name,
      members: [{ spec, firstElement: 0 }],
      shape: spec.shape,
      rule,
      rateRatio,
      weightDecay,
    };
    const elements = alignment === undefined ? 0 : Math.ceil(elementCount(spec.shape) / alignment) * alignment;
    if (!rule.elementwise || alignment === undefined || elements > LARGEST_GROUP) {
      groups.push(alone);
      continue;
    }
    if (!rules.has(rule)) rules.set(rule, rules.size);
    const key = `${rules.get(rule)} ${rateRatio} ${weightDecay}`;
    if (open.has(key) && open.get(key)!.length + elements > LARGEST_GROUP) close(key);
    const group = open.get(key) ?? { place: groups.push(alone) - 1, members: [], length: 0 };
    open.set(key, group);
    group.members.push({ spec, firstElement: group.length });
    group.length += elements;
  }
  for (const key of open.keys()) close(key);
  return groups;
}
