import { f32, f32x4, i32, ifThen, seq, whileBelow } from "./assembler.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import { PANEL_COLUMNS } from "./gemmTile.ts";

/**
 * pack: panels of b[k, n] for `tile`: columns in groups of eight, each group k x 8 in a row, the last one filled up with zeros.
 * Params b, bRow, bColumn (strides in bytes), k, n, target.
 */
export function definePack(module: ModuleBuilder): void {
  module.define("pack", ["i32", "i32", "i32", "i32", "i32", "i32"], ({ params, local }) => {
    const [b, bRow, bColumn, k, n, target] = params;
    const [j, p, c, from, width, columns] = [local("i32"), local("i32"), local("i32"), local("i32"), local("i32"), local("i32")];
    const streams = Array.from({ length: 4 }, () => local("i32"));
    const vectors = Array.from({ length: 4 }, () => local("v128"));
    const pairs = Array.from({ length: 4 }, () => local("v128"));
    const half = local("i32");

    const copyRows = whileBelow(
      p,
      k.get,
      i32.const(1),
      seq(
        f32x4.store(target.get, f32x4.load(from.get)),
        f32x4.store(target.get, f32x4.load(from.get, 16), 16),
        from.set(i32.add(from.get, bRow.get)),
        target.set(i32.add(target.get, i32.const(32))),
      ),
    );
    // Four columns at a time: 4 x 4 blocks are transposed in registers.
    const interleave = [
      [0, 1, [0, 4, 1, 5]],
      [2, 3, [0, 4, 1, 5]],
      [0, 1, [2, 6, 3, 7]],
      [2, 3, [2, 6, 3, 7]],
    ] as const;
    const transposed = [
      [0, 1, [0, 1, 4, 5]],
      [0, 1, [2, 3, 6, 7]],
      [2, 3, [0, 1, 4, 5]],
      [2, 3, [2, 3, 6, 7]],
    ] as const;
    const transposeColumns = whileBelow(
      half,
      i32.const(2),
      i32.const(1),
      seq(
        streams[0].set(i32.add(b.get, i32.mul(i32.add(j.get, i32.shl(half.get, i32.const(2))), bColumn.get))),
        ...streams.slice(1).map((stream, s) => stream.set(i32.add(streams[s].get, bColumn.get))),
        c.set(i32.add(target.get, i32.shl(half.get, i32.const(4)))),
        p.set(i32.const(0)),
        whileBelow(
          p,
          i32.and(k.get, i32.const(-4)),
          i32.const(4),
          seq(
            ...streams.map((stream, s) => seq(vectors[s].set(f32x4.load(stream.get)), stream.set(i32.add(stream.get, i32.const(16))))),
            ...interleave.map(([x, y, lanes], s) => pairs[s].set(f32x4.shuffle(vectors[x].get, vectors[y].get, lanes))),
            ...transposed.map(([x, y, lanes], s) => f32x4.store(c.get, f32x4.shuffle(pairs[x].get, pairs[y].get, lanes), s * 32)),
            c.set(i32.add(c.get, i32.const(128))),
          ),
        ),
        whileBelow(
          p,
          k.get,
          i32.const(1),
          seq(
            ...streams.map((stream, s) =>
              seq(f32.store(c.get, f32.load(stream.get), s * 4), stream.set(i32.add(stream.get, i32.const(4)))),
            ),
            c.set(i32.add(c.get, i32.const(32))),
          ),
        ),
      ),
    );
    const copySlowly = whileBelow(
      p,
      k.get,
      i32.const(1),
      seq(
        columns.set(from.get),
        c.set(i32.const(0)),
        whileBelow(
          c,
          i32.const(PANEL_COLUMNS),
          i32.const(1),
          seq(
            ifThen(i32.ltU(c.get, width.get), f32.store(target.get, f32.load(columns.get)), f32.store(target.get, f32.const(0))),
            columns.set(i32.add(columns.get, bColumn.get)),
            target.set(i32.add(target.get, i32.const(4))),
          ),
        ),
        from.set(i32.add(from.get, bRow.get)),
      ),
    );
    return whileBelow(
      j,
      n.get,
      i32.const(PANEL_COLUMNS),
      seq(
        from.set(i32.add(b.get, i32.mul(j.get, bColumn.get))),
        width.set(i32.sub(n.get, j.get)),
        p.set(i32.const(0)),
        ifThen(
          i32.ltU(width.get, i32.const(PANEL_COLUMNS)),
          copySlowly,
          ifThen(
            i32.eq(bColumn.get, i32.const(4)),
            copyRows,
            ifThen(
              i32.eq(bRow.get, i32.const(4)),
              seq(half.set(i32.const(0)), transposeColumns, target.set(i32.add(target.get, i32.mul(k.get, i32.const(32))))),
              copySlowly,
            ),
          ),
        ),
      ),
    );
  });
}
