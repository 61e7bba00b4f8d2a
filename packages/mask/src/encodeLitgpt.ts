import type { Segment } from "@sft/templates";
import { joinText } from "./encodeSegments.ts";
import { atRow, MaskError } from "./maskError.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import type { TokenOffsets } from "./tokenOffsets.ts";
import { appendJoined, createTokenTable, type TokenTable } from "./tokenTable.ts";

/** How LitGPT decides on BOS: `use_bos`, which reads `add_bos_token` and a few model names. */
export interface LitgptEncodingOptions {
  readonly useBos: boolean;
  readonly row?: number;
}

/**
 * LitGPT 0.5.13, `SFTDataset.__getitem__` and `Tokenizer.encode`: everything before the answer is one string, the answer
 * another, both with special tokens on; BOS is put before the prompt once, EOS after the answer once. Its known bug is kept
 * and reported: an answer that already ends in EOS loses it (since 0.5.4).
 */
export function encodeLitgpt(segments: readonly Segment[], tokenizer: MaskTokenizer, { useBos, row }: LitgptEncodingOptions): TokenTable {
  const eos = tokenizer.eos;
  if (eos === null) {
    throw new MaskError(
      "missing-eos",
      `${atRow(row)}the litgpt encoding ends every answer with the tokenizer's EOS token, but this tokenizer has none.`,
      'Use a tokenizer with an eos_token, or the encoding "segments".',
      { row },
    );
  }
  const answer = findAnswer(segments);
  if (answer === null) return encodePrompt(segments, tokenizer, useBos);
  const [answerStart, answerEnd] = answer;
  const kept = [...segments.slice(0, answerEnd), eosSegment(segments[answerStart], eos.text)];
  const table = createTokenTable(kept);
  if (answerStart > 0) appendPrompt(table, answerStart, tokenizer, useBos);
  const response = withoutBos(encodeRange(segments, answerStart, answerEnd, tokenizer), tokenizer);
  const endsInEos = response.ids.at(-1) === eos.id;
  appendJoined(table, answerStart, answerEnd - 1, withoutTrailing(response, eos.id));
  if (endsInEos) {
    table.warnings.push({
      code: "eos-stripped",
      message: "The answer ends in EOS text; LitGPT strips it and appends none, so this row teaches no end.",
      token: null,
    });
  } else {
    table.ids.push(eos.id);
    table.owner.push(kept.length - 1);
    table.from.push(0);
    table.to.push(eos.text.length);
  }
  return table;
}

/** Segment range of the last assistant message's body; null where the rendering ends by asking for an answer. */
function findAnswer(segments: readonly Segment[]): readonly [number, number] | null {
  const isAnswer = (segment: Segment): boolean =>
    segment.role === "assistant" && segment.part === "body" && segment.kind !== "generationPrompt";
  const last = segments.findLastIndex(isAnswer);
  const asks = segments.findLastIndex((segment) => segment.kind === "generationPrompt");
  if (last < 0 || asks > last) return null;
  const { message } = segments[last];
  return [segments.findIndex((segment) => isAnswer(segment) && segment.message === message), last + 1];
}

function encodePrompt(segments: readonly Segment[], tokenizer: MaskTokenizer, useBos: boolean): TokenTable {
  const table = createTokenTable(segments);
  if (segments.length > 0) appendPrompt(table, segments.length, tokenizer, useBos);
  return table;
}

function appendPrompt(table: TokenTable, end: number, tokenizer: MaskTokenizer, useBos: boolean): void {
  const encoding = encodeRange(table.segments, 0, end, tokenizer);
  const prompt = useBos ? withBos(encoding, tokenizer) : withoutBos(encoding, tokenizer);
  appendJoined(table, 0, end - 1, tokenizer.eos === null ? prompt : withoutTrailing(prompt, tokenizer.eos.id));
}

function encodeRange(segments: readonly Segment[], from: number, to: number, tokenizer: MaskTokenizer): TokenOffsets {
  return tokenizer.encode(joinText(segments, from, to), { addSpecialTokens: true });
}

function eosSegment(answer: Segment, text: string): Segment {
  const { role, message } = answer;
  return { text, kind: "control", role, message, field: null, fieldStart: 0, part: "terminator" };
}

function withBos(encoding: TokenOffsets, { bos }: MaskTokenizer): TokenOffsets {
  const { ids, offsets } = encoding;
  if (bos === null || ids[0] === bos.id) return encoding;
  const opened = { ids: new Int32Array(ids.length + 1), offsets: new Int32Array(offsets.length + 2) };
  opened.ids.set(ids, 1);
  opened.ids[0] = bos.id;
  opened.offsets.set(offsets, 2);
  return opened;
}

function withoutBos({ ids, offsets }: TokenOffsets, { bos }: MaskTokenizer): TokenOffsets {
  if (bos === null || ids[0] !== bos.id) return { ids, offsets };
  return { ids: ids.subarray(1), offsets: offsets.subarray(2) };
}

function withoutTrailing({ ids, offsets }: TokenOffsets, eosId: number): TokenOffsets {
  if (ids.at(-1) !== eosId) return { ids, offsets };
  return { ids: ids.subarray(0, -1), offsets: offsets.subarray(0, -2) };
}
