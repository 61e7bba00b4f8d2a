import type { MergeTable } from "./mergeTable.ts";

/** A word as a row of symbols that merging shortens in place. Places count UTF-16 units of the word. */
export interface Symbols {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

/** Up to this many symbols a plain scan for the best pair beats a heap. */
const SCAN_LIMIT = 40;

/**
 * Applies the merge rules until none fits: always the rule of lowest rank, of equal ones the leftmost.
 * Rules whose result is banned are passed over.
 */
export function mergeSymbols(symbols: Symbols, table: MergeTable, banned: Uint8Array | null): void {
  const rankOf = (left: number, right: number): number => {
    const rank = table.rank(left, right);
    return rank >= 0 && banned !== null && banned[table.merged(rank)] === 1 ? -1 : rank;
  };
  if (symbols.ids.length <= SCAN_LIMIT) mergeByScan(symbols, table, rankOf);
  else mergeByHeap(symbols, table, rankOf);
}

function mergeByScan(symbols: Symbols, table: MergeTable, rankOf: (left: number, right: number) => number): void {
  const { ids, starts, ends } = symbols;
  const ranks: number[] = [];
  for (let i = 0; i + 1 < ids.length; i++) ranks.push(rankOf(ids[i], ids[i + 1]));
  for (;;) {
    let best = -1;
    for (let i = 0; i < ranks.length; i++) if (ranks[i] >= 0 && (best < 0 || ranks[i] < ranks[best])) best = i;
    if (best < 0) return;
    ids[best] = table.merged(ranks[best]);
    ends[best] = ends[best + 1];
    ids.splice(best + 1, 1);
    starts.splice(best + 1, 1);
    ends.splice(best + 1, 1);
    ranks.splice(best, 1);
    if (best > 0) ranks[best - 1] = rankOf(ids[best - 1], ids[best]);
    if (best < ranks.length) ranks[best] = rankOf(ids[best], ids[best + 1]);
  }
}

function mergeByHeap(symbols: Symbols, table: MergeTable, rankOf: (left: number, right: number) => number): void {
  const count = symbols.ids.length;
  const ids = Int32Array.from(symbols.ids);
  const ends = Int32Array.from(symbols.ends);
  const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1));
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
  const alive = new Uint8Array(count).fill(1);
  const queue = new RankQueue(count);
  const offer = (position: number): void => {
    if (position < 0 || next[position] < 0) return;
    const rank = rankOf(ids[position], ids[next[position]]);
    if (rank >= 0) queue.push(rank, position);
  };
  for (let position = 0; position < count; position++) offer(position);
  while (queue.pop()) {
    const { rank, position } = queue;
    // An entry goes stale when a neighbour was merged after it was queued.
    if (alive[position] === 0 || next[position] < 0 || rankOf(ids[position], ids[next[position]]) !== rank) continue;
    const right = next[position];
    ids[position] = table.merged(rank);
    ends[position] = ends[right];
    alive[right] = 0;
    next[position] = next[right];
    if (next[right] >= 0) previous[next[right]] = position;
    offer(previous[position]);
    offer(position);
  }
  let kept = 0;
  for (let position = 0; position >= 0 && position < count; position = next[position]) {
    symbols.ids[kept] = ids[position];
    symbols.starts[kept] = symbols.starts[position];
    symbols.ends[kept++] = ends[position];
    if (next[position] < 0) break;
  }
  symbols.ids.length = kept;
  symbols.starts.length = kept;
  symbols.ends.length = kept;
}

/** Positions fit below this bound: no JavaScript string is longer than 2^29 units, and a unit gives at most 3 symbols. */
const POSITION_BOUND = 2 ** 31;

/** A binary heap of (rank, position), smallest first; both share one float64, exact below 2^53. */
class RankQueue {
  rank = 0;
  position = 0;
  private keys: Float64Array;
  private size = 0;

  constructor(capacity: number) {
    this.keys = new Float64Array(capacity + 16);
  }

  push(rank: number, position: number): void {
    if (this.size === this.keys.length) {
      const grown = new Float64Array(this.keys.length * 2);
      grown.set(this.keys);
      this.keys = grown;
    }
    const { keys } = this;
    const key = rank * POSITION_BOUND + position;
    let hole = this.size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[hole] = keys[parent];
      hole = parent;
    }
    keys[hole] = key;
  }

  /** Moves the smallest entry into `rank` and `position`; false when none is left. */
  pop(): boolean {
    if (this.size === 0) return false;
    const { keys } = this;
    const top = keys[0];
    const last = keys[--this.size];
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= last) break;
      keys[hole] = keys[child];
      hole = child;
    }
    keys[hole] = last;
    this.rank = Math.floor(top / POSITION_BOUND);
    this.position = top % POSITION_BOUND;
    return true;
  }
}
