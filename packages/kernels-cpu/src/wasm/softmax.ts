import { type Code, f32x4, i32, i32x4, type Local, seq, whileBelow } from "./assembler.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import { exponentialIn } from "./exponential.ts";
import { largestLane, sumLanes } from "./sum.ts";

const vectorAt = (base: Local, index: Local): Code => i32.add(base.get, i32.shl(index.get, i32.const(2)));

/** All bits set in the lanes whose index, first + lane, lies in low..high-1. */
function inside(index: Local, low: Local, high: Local): Code {
  const lanes = i32x4.add(i32x4.splat(index.get), i32x4.const(0, 1, 2, 3));
  return i32x4.andNot(i32x4.lessU(lanes, i32x4.splat(high.get)), i32x4.lessU(lanes, i32x4.splat(low.get)));
}

/** Row kernels of softmax. Rows start on 16 bytes and are padded to whole vectors; low..high-1 are the elements that count. */
export function defineSoftmax(module: ModuleBuilder): void {
  /** Largest of row[low..high-1]. Params row, low, high. */
  module.define(
    "largest",
    ["i32", "i32", "i32"],
    ({ params: [row, low, high], local }) => {
      const [index, best] = [local("i32"), local("v128")];
      return seq(
        best.set(f32x4.const(-Infinity)),
        index.set(i32.and(low.get, i32.const(-4))),
        whileBelow(
          index,
          high.get,
          i32.const(4),
          best.set(f32x4.max(best.get, i32x4.select(f32x4.load(vectorAt(row, index)), f32x4.const(-Infinity), inside(index, low, high)))),
        ),
        largestLane(best),
      );
    },
    "f32",
  );

  /** row = e^(row - shift) inside low..high-1 and 0 elsewhere in 0..width-1; gives the sum. Params row, low, high, width, shift. */
  module.define(
    "exponentials",
    ["i32", "i32", "i32", "i32", "f32"],
    (scope) => {
      const [row, low, high, width, shift] = scope.params;
      const [index, end, total, value] = [scope.local("i32"), scope.local("i32"), scope.local("v128"), scope.local("v128")];
      const exponential = exponentialIn(scope);
      const clear = f32x4.store(vectorAt(row, index), f32x4.const(0));
      return seq(
        end.set(i32.and(low.get, i32.const(-4))),
        whileBelow(index, end.get, i32.const(4), clear),
        index.set(end.get),
        whileBelow(
          index,
          high.get,
          i32.const(4),
          seq(
            value.set(
              f32x4.and(exponential(f32x4.sub(f32x4.load(vectorAt(row, index)), f32x4.splat(shift.get))), inside(index, low, high)),
            ),
            total.set(f32x4.add(total.get, value.get)),
            f32x4.store(vectorAt(row, index), value.get),
          ),
        ),
        whileBelow(index, width.get, i32.const(4), clear),
        sumLanes(total),
      );
    },
    "f32",
  );

  /** row *= factor over width elements. Params row, width, factor. */
  module.define("scaleRow", ["i32", "i32", "f32"], ({ params: [row, width, factor], local }) => {
    const index = local("i32");
    return whileBelow(
      index,
      width.get,
      i32.const(4),
      f32x4.store(vectorAt(row, index), f32x4.mul(f32x4.load(vectorAt(row, index)), f32x4.splat(factor.get))),
    );
  });

  /** dp = p (dp - dot) scale over width elements: softmax's gradient. Params p, dp, width, dot, scale. */
  module.define("softmaxGrad", ["i32", "i32", "i32", "f32", "f32"], ({ params: [p, dp, width, dot, scale], local }) => {
    const index = local("i32");
    return whileBelow(
      index,
      width.get,
      i32.const(4),
      f32x4.store(
        vectorAt(dp, index),
        f32x4.mul(
          f32x4.mul(f32x4.load(vectorAt(p, index)), f32x4.sub(f32x4.load(vectorAt(dp, index)), f32x4.splat(dot.get))),
          f32x4.splat(scale.get),
        ),
      ),
    );
  });
}
