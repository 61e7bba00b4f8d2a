import type { Conversation, Rendering, Segment } from "@sft/templates";
import { buildSpans } from "./buildSpans.ts";
import { encodeJoint } from "./encodeJoint.ts";
import { encodeLitgpt } from "./encodeLitgpt.ts";
import { encodeSegments } from "./encodeSegments.ts";
import type { DropReason, Example, ExampleWarning } from "./example.ts";
import { findMissingTerminators } from "./missingTerminators.ts";
import { MaskError } from "./maskError.ts";
import { type MaskPolicy, resolveMaskPolicy } from "./maskPolicy.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import { mergeRepeatedTerminators } from "./repeatedTerminators.ts";
import { splitTurns } from "./splitTurns.ts";
import { checkLength } from "./tokenBatch.ts";
import type { ControlTokenPolicy } from "./tokenOffsets.ts";
import type { TokenTable } from "./tokenTable.ts";
import { firstToken, judgeTokens, type Verdict } from "./tokenVerdict.ts";
import { checkTruncation, truncate, type TruncationStrategy } from "./truncation.ts";

/** How a rendering becomes examples. */
export interface EncodeOptions {
  /** A policy, a preset's name or a policy's; default by {@link defaultMaskPolicy}. */
  readonly mask?: string | MaskPolicy;
  /** Control-token text inside records; default "literal", or what the preset imitates. */
  readonly control?: ControlTokenPolicy;
  /** Most tokens in an example; no limit by default. */
  readonly maxLength?: number;
  /** Default "drop", or what the preset imitates. */
  readonly truncation?: TruncationStrategy;
  /**
   * True puts the tokenizer's BOS before the row unless the template wrote it. Default false: BOS comes from the template alone;
   * LitGPT's encoding follows the tokenizer's `addBosToken`.
   */
  readonly bos?: boolean;
  /** Number of the row in its file, for errors and findings. */
  readonly row?: number;
}

/**
 * Tokens, target weights and spans of one rendered conversation.
 * An example that is too long under "drop" comes back with `dropped` set and all weights 0.
 * @throws MaskError "several-examples" under "splitTurns" (see {@link encodeExamples}), "example-too-long" under "error",
 *   "control-token-in-content" under "reject", and the codes of {@link resolveMaskPolicy}
 */
export function encodeRendering(rendering: Rendering, tokenizer: MaskTokenizer, options: EncodeOptions = {}): Example {
  const setting = resolveOptions(rendering, options);
  if (setting.truncation === "splitTurns" && setting.maxLength !== undefined) {
    throw new MaskError(
      "several-examples",
      'The truncation "splitTurns" may make several examples of one rendering.',
      "Call encodeExamples, which returns a list.",
      { truncation: setting.truncation },
    );
  }
  const [table, verdicts] = judge(rendering, tokenizer, setting);
  return finish(rendering, table, verdicts, setting);
}

/** As {@link encodeRendering}, for every truncation strategy: a list of one example, or of several under "splitTurns". */
export function encodeExamples(rendering: Rendering, tokenizer: MaskTokenizer, options: EncodeOptions = {}): readonly Example[] {
  const setting = resolveOptions(rendering, options);
  const [table, verdicts] = judge(rendering, tokenizer, setting);
  if (setting.truncation !== "splitTurns" || setting.maxLength === undefined || table.ids.length <= setting.maxLength) {
    return [finish(rendering, table, verdicts, setting)];
  }
  return splitTurns(table, verdicts, setting.maxLength).map((piece, i, pieces) =>
    build(rendering, table, verdicts, setting, piece.kept, piece.dropped, [
      {
        code: "turns-split",
        message: `Part ${i + 1} of ${pieces.length}: the conversation was split at turn borders to fit ${setting.maxLength} tokens.`,
        token: null,
      },
    ]),
  );
}

/** `completion` for rows of prompt and completion (alpaca too), `assistant` for conversations and raw text. */
export function defaultMaskPolicy(conversation: Conversation): MaskPolicy {
  return resolveMaskPolicy(isPromptCompletion(conversation) ? "completion" : "assistant");
}

function isPromptCompletion({ record }: Conversation): boolean {
  return record?.format === "alpaca" || record?.format === "prompt-completion";
}

interface Setting extends EncodeOptions {
  readonly policy: MaskPolicy;
  readonly control: ControlTokenPolicy;
  readonly truncation: TruncationStrategy;
}

function resolveOptions(rendering: Rendering, options: EncodeOptions): Setting {
  const { conversation } = rendering;
  const chosen = options.mask === undefined ? defaultMaskPolicy(conversation) : resolveMaskPolicy(options.mask);
  const other = isPromptCompletion(conversation) ? chosen.forPromptCompletion : undefined;
  const policy = other === undefined ? chosen : { ...resolveMaskPolicy(other), name: chosen.name };
  if (options.maxLength !== undefined) checkLength(options.maxLength, "maxLength");
  return {
    ...options,
    policy,
    control: options.control ?? policy.control ?? "literal",
    truncation: checkTruncation(options.truncation ?? policy.truncation ?? "drop"),
  };
}

function judge(rendering: Rendering, tokenizer: MaskTokenizer, setting: Setting): readonly [TokenTable, Verdict[]] {
  const { policy, control, row } = setting;
  const table = encode(rendering, tokenizer, setting);
  if (control === "allow" && policy.encoding === "segments") mergeRepeatedTerminators(table, tokenizer, policy.roles);
  return [table, judgeTokens(table, rendering.conversation, policy, tokenizer, row)];
}

function encode({ segments }: Rendering, tokenizer: MaskTokenizer, setting: Setting): TokenTable {
  const { policy, control, row } = setting;
  const withBos = setting.bos ? openWithBos(segments, tokenizer) : segments;
  switch (policy.encoding) {
    case "segments":
      return encodeSegments(withBos, tokenizer, control, row);
    case "joint":
      return encodeJoint(withBos, tokenizer, control, row);
    case "litgpt":
      return encodeLitgpt(segments, tokenizer, { useBos: setting.bos ?? tokenizer.addBosToken ?? false, row });
  }
}

function openWithBos(segments: readonly Segment[], { bos }: MaskTokenizer): readonly Segment[] {
  const [first] = segments;
  if (bos === null || (first !== undefined && first.kind !== "content" && first.text.startsWith(bos.text))) return segments;
  const { text } = bos;
  return [{ text, kind: "control", role: null, message: null, field: null, fieldStart: 0, part: "outside" }, ...segments];
}

function finish(rendering: Rendering, table: TokenTable, verdicts: readonly Verdict[], setting: Setting): Example {
  // Rows that need no splitting come here under "splitTurns" too, and are short enough for any strategy.
  const strategy = setting.truncation === "splitTurns" ? "drop" : setting.truncation;
  const { kept, dropped, warnings } = truncate(table, verdicts, setting.maxLength, strategy, setting.row);
  return build(rendering, table, verdicts, setting, kept, dropped, warnings);
}

function build(
  rendering: Rendering,
  table: TokenTable,
  judged: readonly Verdict[],
  setting: Setting,
  kept: readonly number[],
  dropped: DropReason | null,
  warnings: readonly ExampleWarning[],
): Example {
  const verdicts = dropped === null ? [...judged] : judged.map(() => ({ weight: 0, reason: dropped.message }));
  if (kept.length > 0 && verdicts[kept[0]].weight > 0) verdicts[kept[0]] = firstToken;
  const ids = new Int32Array(kept.map((token) => table.ids[token]));
  const weights = new Float32Array(kept.map((token) => verdicts[token].weight));
  const spans = buildSpans(table, verdicts, kept);
  // By itself, a segment shares no token with its neighbours; the words around tools are one text, cut by the template's code alone.
  const straddling = setting.policy.encoding === "segments" ? [] : straddles(table, kept);
  const notes = [...table.warnings, ...straddling, ...warnings];
  if (dropped === null) {
    notes.push(...findMissingTerminators(table, verdicts, kept, rendering, setting.policy));
    if (!weights.some((weight) => weight > 0)) {
      notes.push({ code: "all-masked", message: "No token of this row is trained; drop it.", token: null });
    }
  }
  return { ids, weights, spans, warnings: notes, policy: setting.policy.name, dropped, row: setting.row };
}

/** Tokens that belong to two parts of a turn, or to two turns. */
function straddles(table: TokenTable, kept: readonly number[]): ExampleWarning[] {
  if (table.reachesInto.size === 0) return [];
  return kept.flatMap((token, i): ExampleWarning[] => {
    const reach = table.reachesInto.get(token);
    if (reach === undefined) return [];
    const [first, last] = [table.segments[table.owner[token]], table.segments[reach]];
    if (first.message === last.message && first.part === last.part) return [];
    const message = `Token ${i} reaches from the ${first.part} of ${turnName(first)} into the ${last.part} of ${turnName(last)}.`;
    return [{ code: "straddling-token", message, token: i }];
  });
}

function turnName({ message, role }: Segment): string {
  return message === null ? "no message" : `message ${message} (${role})`;
}
