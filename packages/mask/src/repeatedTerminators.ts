import type { MaskTokenizer } from "./maskTokenizer.ts";
import { removeTokens, type TokenTable } from "./tokenTable.ts";

/**
 * Where control tokens in content are allowed, an answer may end in the terminator that the template writes anyway.
 * The record's copy goes, so that exactly one terminator is trained.
 */
export function mergeRepeatedTerminators(table: TokenTable, tokenizer: MaskTokenizer, roles: readonly string[]): void {
  for (let token = table.ids.length - 1; token > 0; token--) {
    const segment = table.segments[table.owner[token]];
    if (segment.part !== "terminator" || !roles.includes(segment.role ?? "")) continue;
    const before = table.segments[table.owner[token - 1]];
    if (before.kind !== "content" || before.message !== segment.message) continue;
    if (table.ids[token] !== table.ids[token - 1] || !tokenizer.isControl(table.ids[token])) continue;
    removeTokens(table, token - 1, 1);
    table.warnings.push({
      code: "terminator-in-content",
      message: `Message ${segment.message} ends in the template's own terminator; one of the two was removed.`,
      token: token - 1,
    });
  }
}
