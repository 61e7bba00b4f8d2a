import type { DropReason } from "./example.ts";
import type { TokenTable } from "./tokenTable.ts";
import type { Verdict } from "./tokenVerdict.ts";

/** One row out of a conversation that was split: its tokens, and why it must be dropped if it still does not fit. */
export interface TurnPiece {
  readonly kept: readonly number[];
  readonly dropped: DropReason | null;
}

/**
 * Splits a conversation before user turns into rows of at most `maxLength` tokens. Each row opens with what stands before
 * the first user turn (BOS, system turn); every other token is in exactly one row. An exchange that does not fit
 * by itself is a row of its own, dropped; rows without a trained token are left out, since their turns teach nothing alone.
 */
export function splitTurns(table: TokenTable, verdicts: readonly Verdict[], maxLength: number): readonly TurnPiece[] {
  const starts = exchangeStarts(table);
  const preamble = range(0, starts[0] ?? 0);
  const pieces: number[][] = [];
  let current: number[] = [];
  starts.forEach((start, i) => {
    const exchange = range(start, starts[i + 1] ?? table.ids.length);
    if (current.length > 0 && preamble.length + current.length + exchange.length > maxLength) {
      pieces.push(current);
      current = [];
    }
    current = current.concat(exchange);
  });
  pieces.push(current);
  return pieces
    .filter((piece) => pieces.length === 1 || piece.some((token) => verdicts[token].weight > 0))
    .map((piece): TurnPiece => {
      const kept = [...preamble, ...piece];
      return { kept, dropped: kept.length > maxLength ? overLong(kept.length, maxLength) : null };
    });
}

/** First token of each user turn that follows something else than a user turn. */
function exchangeStarts(table: TokenTable): number[] {
  const starts: number[] = [];
  let previous: string | null = null;
  let message: number | null = null;
  table.owner.forEach((owner, token) => {
    const segment = table.segments[owner];
    if (segment.message === null || segment.message === message) return;
    if (segment.role === "user" && previous !== "user") starts.push(token);
    message = segment.message;
    previous = segment.role;
  });
  return starts;
}

function overLong(length: number, maxLength: number): DropReason {
  return {
    code: "cannot-shorten",
    length,
    maxLength,
    message: `Dropped: one exchange alone has ${length} tokens, the limit is ${maxLength}.`,
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
