import type { DropReason, ExampleWarning } from "./example.ts";
import { cutInProportion } from "./cutInProportion.ts";
import { atRow, MaskError } from "./maskError.ts";
import { shortenContent } from "./shortenContent.ts";
import type { TokenTable } from "./tokenTable.ts";
import type { Verdict } from "./tokenVerdict.ts";

/**
 * What becomes of a row of more than `maxLength` tokens: `drop` it and count it, throw an `error`, `keepResponse` by
 * shortening what users wrote, `splitTurns` into several rows at turn borders, cut tokens off its `left` or `right`,
 * or cut prompts and answers in `proportion`, as LLaMA-Factory does.
 */
export type TruncationStrategy = "drop" | "error" | "keepResponse" | "splitTurns" | "left" | "right" | "proportion";

/** Every strategy by name. */
export const truncationStrategies: readonly TruncationStrategy[] = [
  "drop",
  "error",
  "keepResponse",
  "splitTurns",
  "left",
  "right",
  "proportion",
];

/** @throws MaskError "unknown-truncation" naming the known ones */
export function checkTruncation(strategy: TruncationStrategy): TruncationStrategy {
  if (truncationStrategies.includes(strategy)) return strategy;
  throw new MaskError(
    "unknown-truncation",
    `Expected the name of a truncation strategy, got ${JSON.stringify(strategy)}.`,
    `Known: ${truncationStrategies.join(", ")}.`,
    { strategy, known: truncationStrategies },
  );
}

/** Tokens that stay, in order; all of them where the example was dropped. */
export interface Truncated {
  readonly kept: readonly number[];
  readonly dropped: DropReason | null;
  readonly warnings: readonly ExampleWarning[];
}

/** Applies every strategy but `splitTurns`, which makes several rows and has its own place. */
export function truncate(
  table: TokenTable,
  verdicts: readonly Verdict[],
  maxLength: number | undefined,
  strategy: Exclude<TruncationStrategy, "splitTurns">,
  row?: number,
): Truncated {
  const length = table.ids.length;
  const all = Array.from({ length }, (_, i) => i);
  if (maxLength === undefined || length <= maxLength) return { kept: all, dropped: null, warnings: [] };
  const drop = (code: DropReason["code"], message: string): Truncated => ({
    kept: all,
    dropped: { code, length, maxLength, message },
    warnings: [{ code: "dropped", message, token: null }],
  });
  switch (strategy) {
    case "drop":
      return drop("over-long", `Dropped: ${length} tokens, the limit is ${maxLength}.`);
    case "error":
      throw new MaskError(
        "example-too-long",
        `${atRow(row)}expected at most ${maxLength} tokens, got ${length}.`,
        "Raise maxLength, shorten the row, or choose the truncation drop or keepResponse.",
        { row, length, maxLength },
      );
    case "right":
      return { kept: all.slice(0, maxLength), dropped: null, warnings: warnOfCut(table, verdicts, all.slice(maxLength)) };
    case "left": {
      const bos = table.segments[table.owner[0]].kind === "control" && table.segments[table.owner[0]].part === "outside" ? 1 : 0;
      const head = maxLength > bos ? bos : 0;
      const from = length - maxLength + head;
      return {
        kept: [...all.slice(0, head), ...all.slice(from)],
        dropped: null,
        warnings: warnOfCut(table, verdicts, all.slice(head, from)),
      };
    }
    case "proportion": {
      const kept = cutInProportion(table, maxLength);
      const stays = new Set(kept);
      return {
        kept,
        dropped: null,
        warnings: warnOfCut(
          table,
          verdicts,
          all.filter((token) => !stays.has(token)),
        ),
      };
    }
    case "keepResponse": {
      const kept = shortenContent(table, verdicts, maxLength);
      if (kept === null) {
        return drop("cannot-shorten", `Dropped: ${length} tokens, the limit is ${maxLength}, and template and answer alone do not fit.`);
      }
      const message = `${length - kept.length} tokens of record text were cut to fit ${maxLength}.`;
      return { kept, dropped: null, warnings: [{ code: "prompt-shortened", message, token: null }] };
    }
  }
}

/** Says what a plain cut took away: a trained terminator, trained answer tokens, or prompt only. */
function warnOfCut(table: TokenTable, verdicts: readonly Verdict[], cut: readonly number[]): ExampleWarning[] {
  const trained = cut.filter((token) => verdicts[token].weight > 0);
  const terminators = trained.filter((token) => table.segments[table.owner[token]].part === "terminator");
  const warnings: ExampleWarning[] = [];
  if (terminators.length > 0) {
    warnings.push({
      code: "terminator-cut",
      message: `Truncation cut trained terminator tokens (${terminators.length}): such an answer teaches no end.`,
      token: terminators[0],
    });
  }
  if (trained.length > terminators.length) {
    warnings.push({
      code: "answer-cut",
      message: `Truncation cut trained answer tokens (${trained.length - terminators.length}).`,
      token: trained[0],
    });
  }
  if (trained.length < cut.length) {
    warnings.push({
      code: "prompt-cut",
      message: `Truncation cut tokens that are not trained (${cut.length - trained.length}).`,
      token: cut.find((token) => !(verdicts[token].weight > 0)) ?? null,
    });
  }
  return warnings;
}
