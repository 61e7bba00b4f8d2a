/**
 * The merge rules of a byte-pair encoding as one open-addressing hash table over typed arrays:
 * half a million rules load in a fraction of a second and a look-up makes no garbage.
 */
export interface MergeTable {
  /** Rank of the rule that joins the two ids, or -1. A lower rank merges first. */
  rank(left: number, right: number): number;
  /** Id of the token that the rule of this rank makes. */
  merged(rank: number): number;
}

/** `lefts`, `rights`, `merged`: (rules) ids in order of rank. Of two rules for one pair the later counts. */
export function createMergeTable(lefts: Int32Array, rights: Int32Array, merged: Int32Array): MergeTable {
  const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, lefts.length * 2)));
  const wrap = capacity - 1;
  // Rank + 1 of the rule in each slot; 0 marks a free one.
  const slots = new Int32Array(capacity);
  for (let rank = 0; rank < lefts.length; rank++) {
    let slot = hashPair(lefts[rank], rights[rank]) & wrap;
    while (slots[slot] !== 0 && (lefts[slots[slot] - 1] !== lefts[rank] || rights[slots[slot] - 1] !== rights[rank]))
      slot = (slot + 1) & wrap;
    slots[slot] = rank + 1;
  }
  return {
    rank(left: number, right: number): number {
      let slot = hashPair(left, right) & wrap;
      for (;;) {
        const rank = slots[slot] - 1;
        if (rank < 0 || (lefts[rank] === left && rights[rank] === right)) return rank;
        slot = (slot + 1) & wrap;
      }
    },
    merged: (rank: number): number => merged[rank],
  };
}

function hashPair(left: number, right: number): number {
  const mixed = Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
