import { activation, gatedActivation } from "../ops/activation.ts";
import { columnSum } from "../ops/bias.ts";
import { sliceColumns } from "../ops/columns.ts";
import { add, multiply, scale } from "../ops/elementwise.ts";
import { matmul } from "../ops/matmul.ts";
import { rmsNorm } from "../ops/normalisation.ts";
import type { Program } from "../program.ts";
import { Tape, type Value } from "../tape.ts";
import { createRandom } from "./random.ts";

/** A valid program of `length` ops over matrices of a few shapes, drawn from a seed: for property tests of passes and plans. */
export function randomProgram(seed: number, length: number): Program {
  const random = createRandom(seed);
  const tape = new Tape(`random ${seed}`);
  const sizes = [2, 16, 40, 300];
  const pool: Value[] = [0, 1].map((index) => tape.input(`x${index}`, [sizes[random.integer(0, 4)]!, sizes[random.integer(0, 4)]!], "f32"));
  const pick = (fits: (value: Value) => boolean): Value | undefined => {
    const fitting = pool.filter(fits);
    return fitting[random.integer(0, fitting.length)];
  };

  for (let step = 0; step < length; step++) {
    const a = pool[random.integer(0, pool.length)]!;
    const same = pick((value) => value.shape.join() === a.shape.join())!;
    const [rows, columns] = a.shape as readonly [number, number];
    const choices: (() => Value)[] = [
      () => tape.apply(scale, [a], { factor: 0.5 })[0]!,
      () => tape.apply(activation, [a], { kind: "silu" })[0]!,
      () => tape.apply(add, [a, same], {})[0]!,
      () => tape.apply(multiply, [a, same], {})[0]!,
      () => tape.apply(gatedActivation, [a, same], { kind: "relu" })[0]!,
      () => tape.apply(rmsNorm, [a, tape.parameter(`norm ${columns}`, [columns], false)], { epsilon: 1e-5, weightOffset: 0 })[0]!,
      () => {
        const right = pick((value) => value.shape[0] === columns) ?? tape.parameter(`w ${columns}`, [columns, 40], false);
        const addend = pick((value) => value.shape[0] === rows && value.shape[1] === right.shape[1]);
        return tape.apply(matmul, addend ? [a, right, addend] : [a, right], { transposeA: false, transposeB: false, alpha: 1 })[0]!;
      },
      () => tape.apply(sliceColumns, [a], { start: 0, width: Math.min(2, columns) })[0]!,
      () => {
        tape.apply(columnSum, [a], {});
        return tape.copy(a);
      },
    ];
    pool.push(choices[random.integer(0, choices.length)]!());
    // Old values drop out of reach, so that storage comes free.
    if (pool.length > 6) pool.splice(random.integer(0, pool.length), 1);
  }
  const last = pool.at(-1)!;
  tape.copy(last, tape.output("y", last.shape));
  return tape.finish();
}
