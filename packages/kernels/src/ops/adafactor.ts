import { defineOp, expectType, type OpDefinition } from "../op.ts";
import { expectAlike, expectGate, type ClippingAttributes } from "./updates.ts";

export type SecondMomentAttributes = ClippingAttributes & { /** Added to every squared gradient. */ readonly epsilon: number };

/**
 * Adafactor's direction for a matrix (Shazeer & Stern 2018, algorithm 4). With beta = schedule[1] and s = g^2 + epsilon:
 * row[N] = beta * row + (1 - beta) * mean of s over columns, column[M] likewise over rows, and
 * direction = g * sqrt(mean(row) / row) / sqrt(column). When gate[1] is 0 row and column stay and the direction is 0.
 * Inputs gradient[N,M], row[N], column[M], schedule[4], gate[3]; outputs direction, row, column.
 */
export const factoredDirection: OpDefinition<SecondMomentAttributes> = defineOp<SecondMomentAttributes>({
  name: "factoredDirection",
  infer(inputs) {
    expectType.count("factoredDirection", inputs, 5);
    const [gradient, row, column, schedule, gate] = inputs;
    expectType.rank("factoredDirection", "gradient", gradient!, 2);
    const [rows, columns] = gradient!.shape as [number, number];
    expectType.shape("factoredDirection", "row", row!, [rows]);
    expectType.shape("factoredDirection", "column", column!, [columns]);
    expectGate("factoredDirection", schedule, gate);
    return [expectAlike("factoredDirection", { gradient }), { shape: [rows], dtype: "f32" }, { shape: [columns], dtype: "f32" }];
  },
  mayAlias: [
    [1, 1],
    [2, 2],
  ],
});

/**
 * The same with a second moment an element, for what is no matrix: v = beta * v + (1 - beta)(g^2 + epsilon), direction = g / sqrt(v).
 * Inputs gradient, v (one shape), schedule[4], gate[3]; outputs direction, v.
 */
export const elementDirection: OpDefinition<SecondMomentAttributes> = defineOp<SecondMomentAttributes>({
  name: "elementDirection",
  infer(inputs) {
    expectType.count("elementDirection", inputs, 4);
    const [gradient, v, schedule, gate] = inputs;
    const type = expectAlike("elementDirection", { gradient, v });
    expectGate("elementDirection", schedule, gate);
    return [type, type];
  },
  mayAlias: [[1, 1]],
});
