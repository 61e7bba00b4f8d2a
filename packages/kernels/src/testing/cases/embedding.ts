import { embedding } from "../../ops/embedding.ts";
import { floats, halves, integers, opCase, trained, type CaseData, type ConformanceCase } from "../conformanceCase.ts";
import { exactly, summed } from "../tolerance.ts";
import { rowsOf } from "./rows.ts";

/** Positions sorted by id, equal ids in ascending position. */
export function orderByIds(ids: readonly number[]): readonly number[] {
  return ids.map((_, position) => position).sort((a, b) => ids[a]! - ids[b]! || a - b);
}

function embeddingCase(name: string, vocabSize: number, width: number, ids: readonly number[]): ConformanceCase {
  return opCase({
    name: `${name}, table ${vocabSize}x${width}`,
    op: embedding,
    attributes: {},
    inputs: [trained("weight", [vocabSize, width]), integers("ids", ids), integers("order", orderByIds(ids))],
    outputs: [exactly("rows are copied")],
    gradients: summed(ids.length, 1, "a row's gradient sums up to N terms"),
    oracle: (data: CaseData) => [rowsOf(data.get("weight")!, data.get("ids")!, width)],
  });
}

const manyIds = Array.from({ length: 65 }, (_, position) => (position * 7) % 11);

export const embeddingCases: readonly ConformanceCase[] = [
  embeddingCase("one id", 3, 1, [2]),
  embeddingCase(
    "all ids the same",
    5,
    17,
    Array.from({ length: 17 }, () => 4),
  ),
  embeddingCase("repeated ids, unused rows", 17, 65, manyIds),
  embeddingCase("first and last row", 67, 3, [66, 0, 66, 66, 0]),
  embeddingCase("more rows than a GPU's grid is wide", 70_001, 3, [70_000, 65_536, 0, 65_536, 65_535]),
  opCase({
    name: "without an order",
    op: embedding,
    attributes: {},
    inputs: [floats("weight", [17, 65]), integers("ids", [3, 3, 16])],
    outputs: [exactly("rows are copied")],
    oracle: (data) => [rowsOf(data.get("weight")!, data.get("ids")!, 65)],
  }),
  ...[3, 64, 65].map((width) =>
    opCase({
      name: `float16 table 17x${width}`,
      op: embedding,
      attributes: {},
      inputs: [halves("weight", [17, width]), integers("ids", [3, 3, 16, 0, 11])],
      outputs: [exactly("float16 widens exactly")],
      oracle: (data) => [rowsOf(data.get("weight")!, data.get("ids")!, width)],
    }),
  ),
];
