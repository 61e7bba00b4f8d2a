import { type Code, f32, f32x4, type FunctionReference, i32, ifThen, type Local, ModuleBuilder, seq, whileBelow } from "./assembler.ts";

/** Columns of one packed panel of b: two vectors of four. */
export const PANEL_COLUMNS = 8;
/** Rows of y that one microkernel call computes: ROWS x 8 accumulators stay in registers. */
export const TILE_ROWS = 6;

const UNROLL = 4;

/**
 * tile<rows>: y[rows, 8] = alpha * a · panel + source, where a is read in place with any strides (bytes) and the panel is [k, 8] packed.
 * Each element is summed over k in ascending order, whatever the number of rows, so results do not depend on the tiling.
 * Params a, aRow, aColumn, panel, k, y, yRow, source (0 for none), sourceRow, alpha.
 */
function defineTile(module: ModuleBuilder, rows: number): FunctionReference {
  return module.define(`tile${rows}`, ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"], ({ params, local }) => {
    const [a, aRow, aColumn, panel, k, y, yRow, source, sourceRow, alpha] = params;
    const end = local("i32");
    const pointers = Array.from({ length: rows }, (_, r) => (r === 0 ? a : local("i32")));
    const sums = Array.from({ length: rows }, () => [local("v128"), local("v128")]);
    const [left, low, high, factor] = [local("v128"), local("v128"), local("v128"), local("v128")];
    const multiplyAdd = (sum: Local, x: Code, w: Code): Code => sum.set(f32x4.add(sum.get, f32x4.mul(x, w)));
    const oneK = (offset: number): Code => seq(
      low.set(f32x4.load(panel.get, offset)),
      high.set(f32x4.load(panel.get, offset + 16)),
      ...pointers.map((pointer, r) => seq(
        left.set(f32x4.loadSplat(pointer.get)),
        pointer.set(i32.add(pointer.get, aColumn.get)),
        multiplyAdd(sums[r][0], left.get, low.get),
        multiplyAdd(sums[r][1], left.get, high.get),
      )),
    );
    const bytesPerK = PANEL_COLUMNS * 4;
    const writeRow = (row: readonly Local[], r: number): Code => seq(
      ...row.map((sum, half) => seq(
        sum.set(f32x4.mul(sum.get, factor.get)),
        ifThen(source.get, sum.set(f32x4.add(sum.get, f32x4.load(source.get, half * 16)))),
        f32x4.store(y.get, sum.get, half * 16),
      )),
      r + 1 < rows ? seq(y.set(i32.add(y.get, yRow.get)), ifThen(source.get, source.set(i32.add(source.get, sourceRow.get)))) : [],
    );
    return seq(
      ...pointers.slice(1).map((pointer, r) => pointer.set(i32.add(pointers[r].get, aRow.get))),
      factor.set(f32x4.splat(alpha.get)),
      end.set(i32.add(panel.get, i32.mul(i32.and(k.get, i32.const(-UNROLL)), i32.const(bytesPerK)))),
      whileBelow(panel, end.get, i32.const(bytesPerK * UNROLL), seq(...Array.from({ length: UNROLL }, (_, u) => oneK(u * bytesPerK)))),
      end.set(i32.add(panel.get, i32.mul(i32.and(k.get, i32.const(UNROLL - 1)), i32.const(bytesPerK)))),
      whileBelow(panel, end.get, i32.const(bytesPerK), oneK(0)),
      ...sums.map(writeRow),
    );
  });
}

/**
 * pack: panels of b[k, n] for `tile`: columns in groups of eight, each group k x 8 in a row, the last one filled up with zeros.
 * Params b, bRow, bColumn (strides in bytes), k, n, target.
 */
function definePack(module: ModuleBuilder): void {
  module.define("pack", ["i32", "i32", "i32", "i32", "i32", "i32"], ({ params, local }) => {
    const [b, bRow, bColumn, k, n, target] = params;
    const [j, p, c, from, width, columns] = [local("i32"), local("i32"), local("i32"), local("i32"), local("i32"), local("i32")];
    const streams = Array.from({ length: 4 }, () => local("i32"));
    const vectors = Array.from({ length: 4 }, () => local("v128"));
    const pairs = Array.from({ length: 4 }, () => local("v128"));
    const half = local("i32");

    const copyRows = whileBelow(p, k.get, i32.const(1), seq(
      f32x4.store(target.get, f32x4.load(from.get)),
      f32x4.store(target.get, f32x4.load(from.get, 16), 16),
      from.set(i32.add(from.get, bRow.get)),
      target.set(i32.add(target.get, i32.const(32))),
    ));
    // Four columns at a time: 4 x 4 blocks are transposed in registers.
    const interleave = [[0, 1, [0, 4, 1, 5]], [2, 3, [0, 4, 1, 5]], [0, 1, [2, 6, 3, 7]], [2, 3, [2, 6, 3, 7]]] as const;
    const transposed = [[0, 1, [0, 1, 4, 5]], [0, 1, [2, 3, 6, 7]], [2, 3, [0, 1, 4, 5]], [2, 3, [2, 3, 6, 7]]] as const;
    const transposeColumns = whileBelow(half, i32.const(2), i32.const(1), seq(
      streams[0].set(i32.add(b.get, i32.mul(i32.add(j.get, i32.shl(half.get, i32.const(2))), bColumn.get))),
      ...streams.slice(1).map((stream, s) => stream.set(i32.add(streams[s].get, bColumn.get))),
      c.set(i32.add(target.get, i32.shl(half.get, i32.const(4)))),
      p.set(i32.const(0)),
      whileBelow(p, i32.and(k.get, i32.const(-4)), i32.const(4), seq(
        ...streams.map((stream, s) => seq(vectors[s].set(f32x4.load(stream.get)), stream.set(i32.add(stream.get, i32.const(16))))),
        ...interleave.map(([x, y, lanes], s) => pairs[s].set(f32x4.shuffle(vectors[x].get, vectors[y].get, lanes))),
        ...transposed.map(([x, y, lanes], s) => f32x4.store(c.get, f32x4.shuffle(pairs[x].get, pairs[y].get, lanes), s * 32)),
        c.set(i32.add(c.get, i32.const(128))),
      )),
      whileBelow(p, k.get, i32.const(1), seq(
        ...streams.map((stream, s) => seq(f32.store(c.get, f32.load(stream.get), s * 4), stream.set(i32.add(stream.get, i32.const(4))))),
        c.set(i32.add(c.get, i32.const(32))),
      )),
    ));
    const copySlowly = whileBelow(p, k.get, i32.const(1), seq(
      columns.set(from.get),
      c.set(i32.const(0)),
      whileBelow(c, i32.const(PANEL_COLUMNS), i32.const(1), seq(
        ifThen(i32.ltU(c.get, width.get), f32.store(target.get, f32.load(columns.get)), f32.store(target.get, f32.const(0))),
        columns.set(i32.add(columns.get, bColumn.get)),
        target.set(i32.add(target.get, i32.const(4))),
      )),
      from.set(i32.add(from.get, bRow.get)),
    ));
    return whileBelow(j, n.get, i32.const(PANEL_COLUMNS), seq(
      from.set(i32.add(b.get, i32.mul(j.get, bColumn.get))),
      width.set(i32.sub(n.get, j.get)),
      p.set(i32.const(0)),
      ifThen(i32.ltU(width.get, i32.const(PANEL_COLUMNS)), copySlowly,
        ifThen(i32.eq(bColumn.get, i32.const(4)), copyRows,
          ifThen(i32.eq(bRow.get, i32.const(4)), seq(half.set(i32.const(0)), transposeColumns, target.set(i32.add(target.get, i32.mul(k.get, i32.const(32))))), copySlowly))),
    ));
  });
}

/**
 * multiplyPanels: y[m, n] = alpha a · b + source for b packed by `pack`; all of one k block. Strides in bytes. `edge` is scratch
 * of TILE_ROWS x 8 floats through which the columns beyond the last whole panel go.
 * Params a, aRow, aColumn, panels, m, n, k, y, yRow, source (0 for none), sourceRow, alpha, edge.
 */
function defineMultiplyPanels(module: ModuleBuilder, tiles: readonly FunctionReference[]): void {
  module.define("multiplyPanels", ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32", "i32"], ({ params, local }) => {
    const [a, aRow, aColumn, panels, m, n, k, y, yRow, source, sourceRow, alpha, edge] = params;
    const [i, j, rows, panel, target, from, r, c] = Array.from({ length: 8 }, () => local("i32"));
    const panelBytes = i32.mul(k.get, i32.const(PANEL_COLUMNS * 4));
    const tileOf = (count: number, to: Code, toRow: Code, src: Code, srcRow: Code): Code =>
      tiles[count].call(a.get, aRow.get, aColumn.get, panel.get, k.get, to, toRow, src, srcRow, alpha.get);
    const dispatch = (to: Code, toRow: Code, src: Code, srcRow: Code): Code =>
      Array.from({ length: TILE_ROWS }, (_, index) => index + 1).reduce<Code>(
        (rest, count) => ifThen(i32.eq(rows.get, i32.const(count)), tileOf(count, to, toRow, src, srcRow), rest), []);
    const byColumn = i32.shl(j.get, i32.const(2));
    const targetElement = i32.add(i32.add(target.get, i32.mul(r.get, yRow.get)), c.get);
    const edgeElement = f32.load(i32.add(i32.add(edge.get, i32.shl(r.get, i32.const(5))), c.get));
    const copyEdge = seq(
      dispatch(edge.get, i32.const(PANEL_COLUMNS * 4), i32.const(0), i32.const(0)),
      r.set(i32.const(0)),
      whileBelow(r, rows.get, i32.const(1), seq(
        c.set(i32.const(0)),
        whileBelow(c, i32.shl(i32.sub(n.get, j.get), i32.const(2)), i32.const(4), ifThen(source.get,
          f32.store(targetElement, f32.add(edgeElement, f32.load(i32.add(i32.add(from.get, i32.mul(r.get, sourceRow.get)), c.get)))),
          f32.store(targetElement, edgeElement),
        )),
      )),
    );
    return whileBelow(i, m.get, i32.const(TILE_ROWS), seq(
      rows.set(i32.sub(m.get, i.get)),
      ifThen(i32.gtU(rows.get, i32.const(TILE_ROWS)), rows.set(i32.const(TILE_ROWS))),
      panel.set(panels.get),
      j.set(i32.const(0)),
      whileBelow(j, n.get, i32.const(PANEL_COLUMNS), seq(
        target.set(i32.add(i32.add(y.get, i32.mul(i.get, yRow.get)), byColumn)),
        from.set(i32.const(0)),
        ifThen(source.get, from.set(i32.add(i32.add(source.get, i32.mul(i.get, sourceRow.get)), byColumn))),
        ifThen(i32.leU(i32.add(j.get, i32.const(PANEL_COLUMNS)), n.get), dispatch(target.get, yRow.get, from.get, sourceRow.get), copyEdge),
        panel.set(i32.add(panel.get, panelBytes)),
      )),
      a.set(i32.add(a.get, i32.mul(aRow.get, i32.const(TILE_ROWS)))),
    ));
  });
}

/** Adds the matrix kernels to a module. */
export function defineGemm(module: ModuleBuilder): void {
  const tiles = [undefined as unknown as FunctionReference, ...Array.from({ length: TILE_ROWS }, (_, index) => defineTile(module, index + 1))];
  definePack(module);
  defineMultiplyPanels(module, tiles);
}
