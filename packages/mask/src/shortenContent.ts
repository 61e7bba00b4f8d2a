import type { TokenTable } from "./tokenTable.ts";
import type { Verdict } from "./tokenVerdict.ts";

/** Tokens [start, end) of one content segment, none of them trained: what may be cut, from its end. */
interface Shortenable {
  readonly start: number;
  readonly end: number;
}

/**
 * The tokens that stay when untrained record text is cut, longest segment first, until `maxLength` tokens are left.
 * Template tokens, control tokens and trained tokens always stay; no character loses only some of its tokens.
 * Null if even empty record text would not fit.
 */
export function shortenContent(table: TokenTable, verdicts: readonly Verdict[], maxLength: number): readonly number[] | null {
  const runs = findShortenable(table, verdicts);
  const excess = table.ids.length - maxLength;
  const level = waterLevel(
    runs.map((run) => run.end - run.start),
    excess,
  );
  if (level === null) return null;
  const removed = new Uint8Array(table.ids.length);
  let { spare } = level;
  for (const run of runs) {
    let cut = Math.min(run.end, run.start + level.height);
    // The level may free a few tokens more than needed; the first runs keep them.
    const saved = Math.min(run.end - cut, spare);
    cut += saved;
    spare -= saved;
    while (cut > run.start && cut < run.end && sharesCharacter(table, cut)) cut--;
    removed.fill(1, cut, run.end);
  }
  const kept: number[] = [];
  for (let token = 0; token < removed.length; token++) if (removed[token] === 0) kept.push(token);
  return kept;
}

function findShortenable(table: TokenTable, verdicts: readonly Verdict[]): Shortenable[] {
  const runs: Shortenable[] = [];
  const n = table.ids.length;
  for (let start = 0; start < n;) {
    let end = start + 1;
    while (end < n && table.owner[end] === table.owner[start]) end++;
    const { kind, part } = table.segments[table.owner[start]];
    let free = kind === "content" && part === "body";
    for (let token = start; token < end && free; token++) free = verdicts[token].weight === 0;
    // A last token that holds template text too must stay.
    if (free) runs.push({ start, end: table.reachesInto.has(end - 1) ? end - 1 : end });
    start = end;
  }
  return runs;
}

/** The height to which the longest runs are cut so that at least `excess` tokens go, and how many go needlessly. */
function waterLevel(lengths: readonly number[], excess: number): { height: number; spare: number } | null {
  const total = lengths.reduce((a, b) => a + b, 0);
  if (total < excess) return null;
  let [low, high] = [0, lengths.reduce((a, b) => Math.max(a, b), 0)];
  const freed = (height: number): number => lengths.reduce((sum, length) => sum + Math.max(0, length - height), 0);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (freed(middle) >= excess) low = middle;
    else high = middle - 1;
  }
  return { height: low, spare: freed(low) - excess };
}

/** Whether the token before `cut` and the one at `cut` carry bytes of one character. */
function sharesCharacter(table: TokenTable, cut: number): boolean {
  return table.from[cut] < table.to[cut - 1];
}
