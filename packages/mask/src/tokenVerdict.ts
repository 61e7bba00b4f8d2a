import type { Conversation, Message, Segment } from "@sft/templates";
import { atRow, MaskError } from "./maskError.ts";
import { checkWeight, type MaskPolicy } from "./maskPolicy.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import type { TokenTable } from "./tokenTable.ts";
import { chooseTrainedTurns, type TurnVerdict } from "./trainedTurns.ts";

/** A target's weight and the rule behind it. */
export interface Verdict {
  readonly weight: number;
  readonly reason: string;
}

export const firstToken: Verdict = { weight: 0, reason: "nothing predicts the first token of a row" };
const bosToken: Verdict = { weight: 0, reason: "BOS is never a target" };

/** One verdict a token: policy, `train` flags, weights of messages and of character spans, then the rules for BOS and the first token. */
export function judgeTokens(
  table: TokenTable,
  conversation: Conversation,
  policy: MaskPolicy,
  tokenizer: MaskTokenizer,
  row?: number,
): Verdict[] {
  conversation.messages.forEach((message, i) => checkMessage(message, `${atRow(row)}message ${i}`));
  const turns = chooseTrainedTurns(conversation, policy);
  const tagged = new Set(policy.generationTags ? table.segments.flatMap(({ generation, message }) => (generation ? [message] : [])) : []);
  const bySegment = table.segments.map((segment) =>
    judgeSegment(segment, conversation, turns, policy, tokenizer, tagged.has(segment.message)),
  );
  return table.ids.map((id, token) => {
    const verdict = judgeToken(id, token);
    // What is masked anyway keeps its own reason.
    return token === 0 && verdict.weight > 0 ? firstToken : verdict;
  });

  function judgeToken(id: number, token: number): Verdict {
    const segment = table.segments[table.owner[token]];
    const verdict = judgeCharacters(segment, table.from[token], table.to[token], bySegment[table.owner[token]]);
    const isBos = segment.kind === "control" && segment.part !== "terminator" && id === tokenizer.bos?.id;
    if (isBos && verdict.weight > 0) return bosToken;
    const reach = table.reachesInto.get(token);
    if (reach === undefined) return verdict;
    const others = bySegment.slice(table.owner[token] + 1, reach + 1);
    return settle([verdict, ...others], `token ${token} crosses the border of two segments`);
  }

  /** The character spans of a message decide over the characters that they cover. */
  function judgeCharacters(segment: Segment, from: number, to: number, verdict: Verdict): Verdict {
    const message: Message | undefined = conversation.messages[segment.message ?? -1];
    if (!message?.spans?.length || message.train === false || segment.field !== "content") return verdict;
    const start = segment.fieldStart + from;
    const end = Math.max(start + 1, segment.fieldStart + to);
    let covered = 0;
    const verdicts: Verdict[] = [];
    for (const span of message.spans) {
      const overlap = Math.min(end, span.end) - Math.max(start, span.start);
      if (overlap <= 0) continue;
      covered += overlap;
      verdicts.push({
        weight: span.weight * classWeight(segment, policy),
        reason: `characters ${span.start} to ${span.end} of the message have weight ${span.weight}`,
      });
    }
    if (covered < end - start) verdicts.push(verdict);
    return settle(verdicts, `characters ${start} to ${end} cross the border of a weighted span`);
  }

  /** One verdict out of those of the parts of a token, by the straddle policy. */
  function settle(verdicts: readonly Verdict[], what: string): Verdict {
    const weights = verdicts.map((verdict) => verdict.weight);
    const [low, high] = [Math.min(...weights), Math.max(...weights)];
    if (low === high) return verdicts[0];
    if (policy.straddle === "error") {
      throw new MaskError(
        "straddling-token",
        `${atRow(row)}${what}, with weights ${weights.join(" and ")}.`,
        'Encode segments one by one, move the border, or choose straddle: "mask" or "train".',
        { row, weights },
      );
    }
    const weight = policy.straddle === "train" ? high : low;
    return { weight, reason: `${what}; straddle: "${policy.straddle}" gives it weight ${weight}` };
  }
}

function judgeSegment(
  segment: Segment,
  conversation: Conversation,
  turns: readonly TurnVerdict[],
  policy: MaskPolicy,
  tokenizer: MaskTokenizer,
  tagged: boolean,
): Verdict {
  const at = segment.message ?? -1;
  const message: Message | undefined = conversation.messages[at];
  const turn: TurnVerdict | undefined = turns[at];
  const factor = message?.weight ?? 1;
  const masked = (reason: string): Verdict => {
    const weight = message?.train === false ? 0 : policy.classWeights.prompt * factor;
    return { weight, reason: weight > 0 ? `${reason}; prompt tokens have weight ${weight}` : reason };
  };
  if (turn === undefined) {
    if (policy.turns === "all") return { weight: 1, reason: `policy ${policy.name} trains text outside turns` };
    return masked("text outside every message");
  }
  if (!turn.trained) return masked(turn.reason);
  if (!turn.whole) {
    const off = switchedOff(segment, policy, tokenizer, tagged);
    if (off !== null) return masked(off);
  }
  const byClass = classWeight(segment, policy);
  const weight = factor * byClass;
  const name = segment.spanClass ?? (segment.part === "afterTerminator" ? "text after the terminator" : segment.part);
  const scaled = weight === 1 ? "" : `, weight ${weight}`;
  return { weight, reason: `${name}: ${turn.reason}${scaled}` };
}

/** Why a segment of a trained turn is not trained, or null. `tagged`: the turn has `{% generation %}` blocks to follow. */
function switchedOff(segment: Segment, policy: MaskPolicy, tokenizer: MaskTokenizer, tagged: boolean): string | null {
  if (tagged && segment.part !== "terminator" && segment.part !== "header") {
    if (segment.generation) return null;
    if (segment.part !== "outside") return "text outside the template's {% generation %} block";
  }
  switch (segment.part) {
    case "header":
      return policy.header ? null : `policy ${policy.name} does not train headers`;
    case "terminator":
      if (policy.terminator === "eos") {
        return segment.text === tokenizer.eos?.text ? null : `policy ${policy.name} trains a terminator only if it is EOS`;
      }
      return policy.terminator ? null : `policy ${policy.name} does not train terminators`;
    case "afterTerminator":
      return policy.afterTerminator ? null : `policy ${policy.name} does not train what follows a terminator`;
    case "body":
      if (segment.kind === "generationPrompt" && !policy.generationPrompt) {
        return `policy ${policy.name} does not train what the template writes to steer the answer`;
      }
      return policy.body ? null : `policy ${policy.name} does not train bodies`;
    case "outside":
      return policy.turns === "all" ? null : "text outside every turn";
  }
}

function classWeight(segment: Segment, policy: MaskPolicy): number {
  if (segment.part === "terminator") return policy.classWeights.terminator;
  return segment.spanClass === undefined ? 1 : policy.classWeights[segment.spanClass];
}

function checkMessage(message: Message, where: string): void {
  if (message.weight !== undefined) checkWeight(message.weight, `${where}.weight`);
  let previousEnd = 0;
  const spans = [...(message.spans ?? [])].sort((a, b) => a.start - b.start);
  for (const span of spans) {
    checkWeight(span.weight, `${where}.spans`);
    if (Number.isInteger(span.start) && span.start >= previousEnd && span.end > span.start && span.end <= message.content.length) {
      previousEnd = span.end;
      continue;
    }
    throw new MaskError(
      "invalid-span",
      `${where}: expected spans that do not overlap inside its ${message.content.length} characters, got ${span.start} to ${span.end}.`,
      "Spans count UTF-16 code units of content; the end is exclusive.",
      { span, length: message.content.length },
    );
  }
}
