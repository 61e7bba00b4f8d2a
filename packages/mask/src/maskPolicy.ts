import { MaskError } from "./maskError.ts";
import { maskPresets } from "./maskPresets.ts";
import type { ControlTokenPolicy } from "./tokenOffsets.ts";
import type { TruncationStrategy } from "./truncation.ts";

/** The four policies of this project. */
export type MaskPolicyName = "completion" | "assistant" | "last" | "all";

/**
 * Which turns speak to the loss:
 * `completion` the answer to the last user message (several assistant turns where tools answer in between),
 * `assistant` every assistant turn, `last` the last assistant turn alone, `all` every token but the first,
 * `untilNextUser` everything between an assistant header and the next user header, tool results too (what a marker search trains).
 */
export type TrainedTurns = MaskPolicyName | "untilNextUser";

/** How segments become ids: each by itself, all as one string, or LitGPT's way (prompt as one string, answer as another). */
export type EncodingMode = "segments" | "joint" | "litgpt";

/** What to do with a token that lies on both sides of a border of the mask. */
export type StraddlePolicy = "mask" | "train" | "error";

/** A mask policy as data: everything that decides a weight. */
export interface MaskPolicy {
  readonly name: string;
  readonly turns: TrainedTurns;
  /** Roles whose turns are answers. */
  readonly roles: readonly string[];
  /** The four switches of a trained turn. */
  readonly header: boolean;
  readonly body: boolean;
  /** "eos": only where the terminator is the tokenizer's EOS token. */
  readonly terminator: boolean | "eos";
  readonly afterTerminator: boolean;
  /** Train what the template writes inside the body to steer the assistant, such as an empty think block. */
  readonly generationPrompt: boolean;
  /** Multipliers by class of token; `prompt` is the weight of tokens that are otherwise masked (0 masks them). */
  readonly classWeights: {
    readonly terminator: number;
    readonly reasoning: number;
    readonly toolCall: number;
    readonly prompt: number;
  };
  /**
   * Follow a template's `{% generation %}` blocks where a turn has any: body text outside them is not trained,
   * and what they hold behind the terminator or before the body is.
   */
  readonly generationTags: boolean;
  readonly straddle: StraddlePolicy;
  readonly encoding: EncodingMode;
  /** Name of the policy to use instead for rows of prompt and completion, for tools that decide by the kind of row. */
  readonly forPromptCompletion?: string;
  /** What the imitated tool does with control-token text and over-long rows; options of the call win. */
  readonly control?: ControlTokenPolicy;
  readonly truncation?: TruncationStrategy;
}

const base: Omit<MaskPolicy, "name" | "turns"> = {
  roles: ["assistant"],
  header: false,
  body: true,
  terminator: true,
  afterTerminator: false,
  generationPrompt: false,
  classWeights: { terminator: 1, reasoning: 1, toolCall: 1, prompt: 0 },
  generationTags: true,
  straddle: "mask",
  encoding: "segments",
};

const everything = { header: true, afterTerminator: true, generationPrompt: true, generationTags: false };

/** Table of policies and presets by name; a new one is one row here or in maskPresets.ts. */
const table: Readonly<Record<string, Omit<Partial<MaskPolicy>, "name"> & Pick<MaskPolicy, "turns">>> = {
  completion: { turns: "completion" },
  assistant: { turns: "assistant" },
  last: { turns: "last" },
  all: { turns: "all", ...everything },
  ...maskPresets,
};

/** The names that {@link resolveMaskPolicy} knows, policies first. */
export const maskPolicyNames: readonly string[] = Object.keys(table);

/** A policy of your own: the fields of `overrides` over the named policy or preset. */
export function createMaskPolicy(nameOrPreset: string | MaskPolicy, overrides: MaskPolicyOverrides): MaskPolicy {
  const from = resolveMaskPolicy(nameOrPreset);
  const policy: MaskPolicy = {
    ...from,
    forPromptCompletion: undefined,
    ...overrides,
    name: overrides.name ?? `${from.name} with changes`,
    classWeights: { ...from.classWeights, ...overrides.classWeights },
  };
  return checkMaskPolicy(policy);
}

/** What {@link createMaskPolicy} lets you change. */
export type MaskPolicyOverrides = Partial<Omit<MaskPolicy, "classWeights">> & {
  readonly classWeights?: Partial<MaskPolicy["classWeights"]>;
};

/**
 * A policy from its name, a preset's name, or a policy object, which is checked and returned.
 * @throws MaskError "unknown-mask-policy" naming the known ones; "invalid-mask-policy" or "invalid-weight" for an object
 */
export function resolveMaskPolicy(nameOrPreset: string | MaskPolicy): MaskPolicy {
  if (typeof nameOrPreset !== "string") return checkMaskPolicy(nameOrPreset);
  if (!Object.hasOwn(table, nameOrPreset)) {
    throw new MaskError(
      "unknown-mask-policy",
      `Expected the name of a mask policy or preset, got ${JSON.stringify(nameOrPreset)}.`,
      `Known: ${maskPolicyNames.join(", ")}.`,
      { name: nameOrPreset, known: maskPolicyNames },
    );
  }
  const row = table[nameOrPreset];
  return { ...base, ...row, name: nameOrPreset, classWeights: { ...base.classWeights, ...row.classWeights } };
}

function checkMaskPolicy(policy: MaskPolicy): MaskPolicy {
  const turns: readonly TrainedTurns[] = ["completion", "assistant", "last", "all", "untilNextUser"];
  if (!turns.includes(policy.turns)) {
    throw new MaskError(
      "invalid-mask-policy",
      `Mask policy "${policy.name}": expected turns to be one of ${turns.join(", ")}, got ${JSON.stringify(policy.turns)}.`,
      'Start from a named policy: createMaskPolicy("assistant", { ... }).',
      { policy },
    );
  }
  for (const [name, weight] of Object.entries(policy.classWeights)) checkWeight(weight, `classWeights.${name}`);
  return policy;
}

/** @throws MaskError "invalid-weight" unless the weight is a finite number, 0 or more */
export function checkWeight(weight: number, where: string): number {
  if (typeof weight === "number" && Number.isFinite(weight) && weight >= 0) return weight;
  throw new MaskError(
    "invalid-weight",
    `${where}: expected a finite weight of 0 or more, got ${String(weight)}.`,
    "Use 0 to mask, 1 to train, a fraction to train less.",
    { weight, where },
  );
}
