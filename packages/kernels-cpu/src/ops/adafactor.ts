import type { SecondMomentAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";
import { clipFactor } from "./updates.ts";

/** Each thread owns rows, then columns, for their means; then rows of the direction. */
export const factoredDirection: Kernel<SecondMomentAttributes> = {
  phases: [
    (call) => {
      const [gradient, row, column, schedule, gate] = call.inputs;
      const [, newRow, newColumn] = call.outputs;
      const { epsilon, maxGradNorm } = call.attributes;
      const [rows, columns] = gradient.shape;
      const clip = clipFactor(gate, maxGradNorm);
      const beta = gate.data[1] === 0 ? 1 : schedule.data[1];
      const square = (index: number): number => (gate.data[1] === 0 ? 0 : (gradient.data[index] * clip) ** 2 + epsilon);
      const [fromRow, toRow] = shareOf(rows, call);
      for (let r = fromRow; r < toRow; r++) {
        let sum = 0;
        for (let c = 0; c < columns; c++) sum += square(r * columns + c);
        newRow.data[r] = beta * row.data[r] + (1 - beta) * (sum / columns);
      }
      const [fromColumn, toColumn] = shareOf(columns, call);
      for (let c = fromColumn; c < toColumn; c++) {
        let sum = 0;
        for (let r = 0; r < rows; r++) sum += square(r * columns + c);
        newColumn.data[c] = beta * column.data[c] + (1 - beta) * (sum / rows);
      }
    },
    (call) => {
      const [gradient, , , , gate] = call.inputs;
      const [direction, row, column] = call.outputs;
      const [rows, columns] = gradient.shape;
      const clip = clipFactor(gate, call.attributes.maxGradNorm);
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += row.data[r];
      const [from, to] = shareOf(rows, call);
      for (let r = from; r < to; r++) {
        const factor = clip * Math.sqrt(sum / rows / row.data[r]);
        for (let c = 0; c < columns; c++) {
          const index = r * columns + c;
          direction.data[index] = gate.data[1] === 0 ? 0 : (gradient.data[index] * factor) / Math.sqrt(column.data[c]);
        }
      }
    },
  ],
};

export const elementDirection: Kernel<SecondMomentAttributes> = {
  phases: [
    (call) => {
      const [gradient, v, schedule, gate] = call.inputs;
      const [direction, newV] = call.outputs;
      const { epsilon, maxGradNorm } = call.attributes;
      const clip = clipFactor(gate, maxGradNorm);
      const beta = schedule.data[1];
      const [from, to] = shareOf(gradient.data.length, call);
      for (let i = from; i < to; i++) {
        const g = gradient.data[i] * clip;
        const moved = gate.data[1] === 0 ? v.data[i] : beta * v.data[i] + (1 - beta) * (g * g + epsilon);
        direction.data[i] = gate.data[1] === 0 ? 0 : g / Math.sqrt(moved);
        newV.data[i] = moved;
      }
    },
  ],
};
