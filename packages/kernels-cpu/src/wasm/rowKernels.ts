import { f32, f32x4, i32, type Local, type Code, seq, whileBelow } from "./assembler.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import { sumLanes } from "./sum.ts";

/** Kernels over rows whose width is a multiple of four. */
export function defineRowKernels(module: ModuleBuilder): void {
  const at = (base: Local, offset: Local): Code => i32.add(base.get, offset.get);

  /** y = x rstd (weight + weightOffset) for `groups` rows; rstd gets one float a row. Params x, weight, y, rstd, groups, width, epsilon, weightOffset. */
  module.define("rmsNormRows", ["i32", "i32", "i32", "i32", "i32", "i32", "f32", "f32"], ({ params, local }) => {
    const [x, weight, y, rstd, groups, width, epsilon, weightOffset] = params;
    const [group, offset, bytes, sum, v, scale] = [local("i32"), local("i32"), local("i32"), local("v128"), local("v128"), local("f32")];
    return seq(
      bytes.set(i32.shl(width.get, i32.const(2))),
      whileBelow(
        group,
        groups.get,
        i32.const(1),
        seq(
          sum.set(f32x4.const(0)),
          offset.set(i32.const(0)),
          whileBelow(
            offset,
            bytes.get,
            i32.const(16),
            seq(v.set(f32x4.load(at(x, offset))), sum.set(f32x4.add(sum.get, f32x4.mul(v.get, v.get)))),
          ),
          scale.set(f32.div(f32.const(1), f32.sqrt(f32.add(f32.div(sumLanes(sum), f32.fromU32(width.get)), epsilon.get)))),
          f32.store(rstd.get, scale.get),
          offset.set(i32.const(0)),
          whileBelow(
            offset,
            bytes.get,
            i32.const(16),
            f32x4.store(
              at(y, offset),
              f32x4.mul(
                f32x4.mul(f32x4.load(at(x, offset)), f32x4.splat(scale.get)),
                f32x4.add(f32x4.load(at(weight, offset)), f32x4.splat(weightOffset.get)),
              ),
            ),
          ),
          x.set(at(x, bytes)),
          y.set(at(y, bytes)),
          rstd.set(i32.add(rstd.get, i32.const(4))),
        ),
      ),
    );
  });

  /** dx = rstd (g - x rstd^2 mean(g x)), g = dy (weight + weightOffset). Params dy, x, weight, rstd, dx, groups, width, weightOffset. */
  module.define("rmsNormGradRows", ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"], ({ params, local }) => {
    const [dy, x, weight, rstd, dx, groups, width, weightOffset] = params;
    const [group, offset, bytes, sum, scale, pull] = [local("i32"), local("i32"), local("i32"), local("v128"), local("f32"), local("f32")];
    const weighted = f32x4.mul(f32x4.load(at(dy, offset)), f32x4.add(f32x4.load(at(weight, offset)), f32x4.splat(weightOffset.get)));
    return seq(
      bytes.set(i32.shl(width.get, i32.const(2))),
      whileBelow(
        group,
        groups.get,
        i32.const(1),
        seq(
          sum.set(f32x4.const(0)),
          offset.set(i32.const(0)),
          whileBelow(offset, bytes.get, i32.const(16), sum.set(f32x4.add(sum.get, f32x4.mul(weighted, f32x4.load(at(x, offset)))))),
          scale.set(f32.load(rstd.get)),
          pull.set(f32.div(f32.mul(f32.mul(scale.get, scale.get), sumLanes(sum)), f32.fromU32(width.get))),
          offset.set(i32.const(0)),
          whileBelow(
            offset,
            bytes.get,
            i32.const(16),
            f32x4.store(
              at(dx, offset),
              f32x4.mul(f32x4.splat(scale.get), f32x4.sub(weighted, f32x4.mul(f32x4.load(at(x, offset)), f32x4.splat(pull.get)))),
            ),
          ),
          dy.set(at(dy, bytes)),
          x.set(at(x, bytes)),
          dx.set(at(dx, bytes)),
          rstd.set(i32.add(rstd.get, i32.const(4))),
        ),
      ),
    );
  });

  /** One row of rotary embedding over whole heads of 2 * half floats. Params x, y, cos, sin, heads, half, direction (1 or -1). */
  module.define("ropeRow", ["i32", "i32", "i32", "i32", "i32", "i32", "f32"], ({ params, local }) => {
    const [x, y, cos, sin, heads, half, direction] = params;
    const [head, offset, bytes, first, second, c, s] = [
      local("i32"),
      local("i32"),
      local("i32"),
      local("v128"),
      local("v128"),
      local("v128"),
      local("v128"),
    ];
    return seq(
      bytes.set(i32.shl(half.get, i32.const(2))),
      whileBelow(
        head,
        heads.get,
        i32.const(1),
        seq(
          offset.set(i32.const(0)),
          whileBelow(
            offset,
            bytes.get,
            i32.const(16),
            seq(
              first.set(f32x4.load(at(x, offset))),
              second.set(f32x4.load(i32.add(at(x, offset), bytes.get))),
              c.set(f32x4.load(at(cos, offset))),
              s.set(f32x4.mul(f32x4.load(at(sin, offset)), f32x4.splat(direction.get))),
              f32x4.store(at(y, offset), f32x4.sub(f32x4.mul(first.get, c.get), f32x4.mul(second.get, s.get))),
              f32x4.store(i32.add(at(y, offset), bytes.get), f32x4.add(f32x4.mul(second.get, c.get), f32x4.mul(first.get, s.get))),
            ),
          ),
          x.set(i32.add(at(x, bytes), bytes.get)),
          y.set(i32.add(at(y, bytes), bytes.get)),
        ),
      ),
    );
  });

  /** Sum of a[i] b[i] over n elements, any n. Params a, b, n. */
  module.define(
    "dot",
    ["i32", "i32", "i32"],
    ({ params: [a, b, n], local }) => {
      const [end, left, right, rest] = [local("i32"), local("v128"), local("v128"), local("f32")];
      const forward = (bytes: number): Code => b.set(i32.add(b.get, i32.const(bytes)));
      const product = (offset: number): Code => f32x4.mul(f32x4.load(a.get, offset), f32x4.load(b.get, offset));
      return seq(
        end.set(i32.add(a.get, i32.shl(i32.and(n.get, i32.const(-8)), i32.const(2)))),
        whileBelow(
          a,
          end.get,
          i32.const(32),
          seq(left.set(f32x4.add(left.get, product(0))), right.set(f32x4.add(right.get, product(16))), forward(32)),
        ),
        end.set(i32.add(a.get, i32.shl(i32.and(n.get, i32.const(7)), i32.const(2)))),
        whileBelow(a, end.get, i32.const(4), seq(rest.set(f32.add(rest.get, f32.mul(f32.load(a.get), f32.load(b.get)))), forward(4))),
        left.set(f32x4.add(left.get, right.get)),
        f32.add(sumLanes(left), rest.get),
      );
    },
    "f32",
  );
}
