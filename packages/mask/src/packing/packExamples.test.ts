import { describe, expect, it } from "vitest";
import { packExamples, padBatch, planPacking, shiftTargets, type ShiftedRow } from "../index.ts";
import { layOutRows } from "../tokenBatch.ts";

const sequences = [[1, 2, 3, 4, 5], [6, 7], [8, 9, 10], [11]];
const lengths = sequences.map((sequence) => sequence.length);
const tokensOf = (plan: ReturnType<typeof planPacking>): number[][] =>
  plan.map((pieces) => pieces.flatMap(({ index, start, end }) => sequences[index].slice(start, end)));
const piecesOf = (plan: ReturnType<typeof planPacking>): number[][] => plan.map((pieces) => pieces.map(({ start, end }) => end - start));
const trainAll = (...ids: number[]): ShiftedRow =>
  shiftTargets({ ids: Int32Array.from(ids), weights: Float32Array.from(ids, (_, i) => (i === 0 ? 0 : 1)) });

describe("conformance case 14: packing", () => {
  it("packs as TRL's bfd", () => {
    const plan = planPacking(lengths, { capacity: 4, overflow: "truncate" });
    expect(tokensOf(plan)).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 11],
      [6, 7],
    ]);
    expect(piecesOf(plan)).toEqual([[4], [3, 1], [2]]);
  });
  it("packs as TRL's bfd_split", () => {
    const plan = planPacking(lengths, { capacity: 4, overflow: "split" });
    expect(tokensOf(plan)).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 5],
      [6, 7, 11],
    ]);
  });
  it("refuses what does not fit unless told otherwise", () => {
    expect(() => planPacking(lengths, { capacity: 4 })).toThrow(expect.objectContaining({ code: "row-too-long" }));
  });
  it("keeps the order on request", () => {
    expect(planPacking([2, 2, 3, 1], { capacity: 4, strategy: "inOrder" }).map((row) => row.map(({ index }) => index))).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(planPacking([1, 0, 1], { capacity: 4, strategy: "none" }).map((row) => row[0].index)).toEqual([0, 2]);
  });
  it("takes the fullest row that has room, and the longest example's length as a row's", () => {
    expect(planPacking([5, 4, 3, 2, 2, 1], { capacity: 8 }).map((row) => row.map(({ index }) => index))).toEqual([[0, 2], [1, 3, 4], [5]]);
    expect(planPacking([8, 7, 6], { capacity: 8 }).map((row) => row.map(({ index }) => index))).toEqual([[0], [1], [2]]);
    expect(packExamples([trainAll(1, 2, 3, 4), trainAll(5, 6), trainAll(7, 8, 9)])).toMatchObject({ rows: 2, length: 3 });
    expect(packExamples([trainAll(1, 2), trainAll(3)], { multipleOf: 4 })).toMatchObject({ rows: 1, length: 4, supervisedTokens: 1 });
    expect(packExamples([])).toMatchObject({ rows: 0, length: 0 });
  });
  it("gives an example without targets no segment", () => {
    const batch = layOutRows([[trainAll(1), trainAll(2, 3)]]);
    expect([...batch.segments]).toEqual([1]);
  });
  it("restarts positions and never targets another segment's token", () => {
    const rows = [trainAll(1, 2, 3), trainAll(4, 5)];
    const batch = packExamples(rows, { length: 4, strategy: "inOrder", padId: 99 });
    expect(batch.rows).toBe(1);
    expect([...batch.inputIds]).toEqual([1, 2, 4, 99]);
    expect([...batch.targets]).toEqual([2, 3, 5, 99]);
    expect([...batch.positions]).toEqual([0, 1, 0, 0]);
    expect([...batch.segments]).toEqual([1, 1, 2, 0]);
    expect([...batch.weights]).toEqual([1, 1, 1, 0]);
    const padded = padBatch(rows);
    expect([batch.supervisedTokens, batch.weightSum]).toEqual([padded.supervisedTokens, padded.weightSum]);
  });
});
