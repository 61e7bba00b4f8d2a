import type { Segment } from "@sft/templates";
import { describe, expect, it } from "vitest";
import { appendJoined, createTokenTable, removeTokens, type TokenTable } from "./tokenTable.ts";

const segment = (text: string): Segment => ({
  text,
  kind: "literal",
  role: null,
  message: null,
  field: null,
  fieldStart: 0,
  part: "outside",
});

/** Tokens of the texts joined, one a character range, behind `before` segments that are not joined. */
function joined(texts: readonly string[], ranges: readonly (readonly [number, number])[], before: readonly string[] = []): TokenTable {
  const table = createTokenTable([...before, ...texts].map(segment));
  const encoding = { ids: Int32Array.from(ranges, (_, i) => i), offsets: Int32Array.from(ranges.flat()) };
  appendJoined(table, before.length, before.length + texts.length - 1, encoding);
  return table;
}

describe("tokens of joined segments", () => {
  it("belong to the segment in which they start, with the range in its text", () => {
    const table = joined(
      ["ab", "cde"],
      [
        [0, 1],
        [1, 2],
        [2, 4],
        [4, 5],
      ],
    );
    expect([table.owner, table.from, table.to]).toEqual([
      [0, 0, 1, 1],
      [0, 1, 0, 2],
      [1, 2, 2, 3],
    ]);
    expect(table.reachesInto.size).toBe(0);
  });

  it("reach into each segment whose characters they hold, and end with their own", () => {
    const table = joined(
      ["ab", "c", "de"],
      [
        [0, 1],
        [1, 4],
        [4, 5],
      ],
    );
    expect([table.owner, table.from, table.to]).toEqual([
      [0, 0, 2],
      [0, 1, 1],
      [1, 2, 2],
    ]);
    expect([...table.reachesInto]).toEqual([[1, 2]]);
  });

  it("that end where their segment ends reach no further", () => {
    expect([
      ...joined(
        ["ab", "cd"],
        [
          [0, 2],
          [2, 4],
        ],
      ).reachesInto,
    ]).toEqual([]);
  });

  it("step over empty segments and stop at the last", () => {
    const table = joined(
      ["a", "", "b"],
      [
        [0, 1],
        [1, 2],
        [2, 2],
      ],
    );
    expect([table.owner, table.from, table.to]).toEqual([
      [0, 2, 2],
      [0, 0, 1],
      [1, 1, 1],
    ]);
    expect(joined(["a", "b"], [[0, 3]]).to).toEqual([1]);
  });

  it("count from the joined segments' own start behind others", () => {
    const table = joined(
      ["ab", "c"],
      [
        [0, 2],
        [2, 3],
      ],
      ["xyz"],
    );
    expect([table.owner, table.from, table.to]).toEqual([
      [1, 2],
      [0, 0],
      [2, 1],
    ]);
  });
});

describe("removing tokens", () => {
  const five = (): TokenTable =>
    joined(
      ["abc", "def", "ghi"],
      [
        [0, 1],
        [1, 4],
        [4, 5],
        [5, 8],
        [8, 9],
      ],
    );

  it("takes them out of every column", () => {
    const table = five();
    removeTokens(table, 1, 2);
    expect([table.ids, table.owner, table.from, table.to]).toEqual([
      [0, 3, 4],
      [0, 1, 2],
      [0, 2, 2],
      [1, 3, 3],
    ]);
  });

  it.each<[number, number, [number, number][]]>([
    [
      0,
      1,
      [
        [0, 1],
        [2, 2],
      ],
    ],
    [1, 1, [[2, 2]]],
    [1, 3, []],
    [
      2,
      1,
      [
        [1, 1],
        [2, 2],
      ],
    ],
    [3, 1, [[1, 1]]],
    [
      4,
      1,
      [
        [1, 1],
        [3, 2],
      ],
    ],
  ])("at %i, %i of them, moves what reaches further", (at, count, reaches) => {
    const table = five();
    removeTokens(table, at, count);
    expect([...table.reachesInto]).toEqual(reaches);
  });
});
