import type { Segment } from "@sft/templates";
import { encodeContentOf, encodeSegments, joinText } from "./encodeSegments.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import type { ControlTokenPolicy } from "./tokenOffsets.ts";
import { appendJoined, createTokenTable, type TokenTable } from "./tokenTable.ts";

/**
 * The whole rendering encoded as one string, as trainers do that render to text first: tokens may cross borders of segments.
 * One string cannot tell a record's control-token text from the template's, so unless `control` is "allow"
 * a row whose content holds such text is encoded segment by segment instead, with a warning.
 */
export function encodeJoint(segments: readonly Segment[], tokenizer: MaskTokenizer, control: ControlTokenPolicy, row?: number): TokenTable {
  if (segments.length === 0) return createTokenTable(segments);
  if (control !== "allow" && segments.some((segment) => holdsControlText(segment, tokenizer, control, row))) {
    const table = encodeSegments(segments, tokenizer, control, row);
    table.warnings.push({
      code: "joint-refused",
      message: "The record holds control-token text, so its segments were encoded one by one and not as one string.",
      token: null,
    });
    return table;
  }
  const table = createTokenTable(segments);
  const text = joinText(segments, 0, segments.length);
  appendJoined(table, 0, segments.length - 1, tokenizer.encode(text, { addSpecialTokens: false }));
  return table;
}

function holdsControlText(segment: Segment, tokenizer: MaskTokenizer, control: ControlTokenPolicy, row: number | undefined): boolean {
  if (segment.kind !== "content" || segment.text === "") return false;
  if (control === "reject") encodeContentOf(segment, tokenizer, "reject", row);
  return tokenizer.encode(segment.text, { addSpecialTokens: false }).ids.some((id) => tokenizer.isControl(id));
}
