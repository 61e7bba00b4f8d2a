import {
  type Code,
  f32,
  f32x4,
  type FunctionReference,
  type FunctionScope,
  i32,
  ifThen,
  type Local,
  ModuleBuilder,
  seq,
  whileBelow,
} from "./assembler.ts";

/** Columns of one packed panel of b: two vectors of four. */
export const PANEL_COLUMNS = 8;
/** Rows of y that one microkernel call computes: ROWS x 8 accumulators stay in registers. */
export const TILE_ROWS = 6;

/** How a lies in memory: "rows" have their k contiguous, "columns" have their rows contiguous (a transposed operand). */
type LeftLayout = "rows" | "columns";

/**
 * tile<rows>: y[rows, 8] = alpha * a · panel + source, where a is read in place and the panel is [k, 8] packed. Four elements
 * of a are loaded at once and spread by shuffles, which is cheaper than a load for each. Every element of y is summed over k in
 * ascending order, whatever the layout and the number of rows, so results do not depend on the tiling.
 * Params a, aStride (bytes from row to row, or from column to column), panel, k, y, yRow, source (0 for none), sourceRow, alpha.
 */
function defineTile(module: ModuleBuilder, rows: number, layout: LeftLayout): FunctionReference {
  return module.define(`${layout}Tile${rows}`, ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"], (scope) => {
    const { params, local } = scope;
    const [, , panel, , y, yRow, source, sourceRow, alpha] = params;
    const sums = Array.from({ length: rows }, () => [local("v128"), local("v128")]);
    const [left, low, high] = [local("v128"), local("v128"), local("v128")];
    const multiplyAdd = (sum: Local, x: Local, w: Local): Code => sum.set(f32x4.add(sum.get, f32x4.mul(x.get, w.get)));
    /** One k: `leftOf(r)` puts a[r, k] into all lanes; `offset` is where its row of the panel is. */
    const oneK = (offset: number, leftOf: (row: number) => Code): Code =>
      seq(
        low.set(f32x4.load(panel.get, offset)),
        high.set(f32x4.load(panel.get, offset + 16)),
        ...sums.map(([first, second], r) => seq(left.set(leftOf(r)), multiplyAdd(first, left, low), multiplyAdd(second, left, high))),
      );
    const writeRow = (row: readonly Local[], r: number): Code =>
      seq(
        ...row.map((sum, half) =>
          seq(
            sum.set(f32x4.mul(sum.get, f32x4.splat(alpha.get))),
            ifThen(source.get, sum.set(f32x4.add(sum.get, f32x4.load(source.get, half * 16)))),
            f32x4.store(y.get, sum.get, half * 16),
          ),
        ),
        r + 1 < rows ? seq(y.set(i32.add(y.get, yRow.get)), ifThen(source.get, source.set(i32.add(source.get, sourceRow.get)))) : [],
      );
    const sum = layout === "rows" ? sumOverRows(scope, rows, oneK) : sumOverColumns(scope, rows, oneK);
    return seq(sum, ...sums.map(writeRow));
  });
}

type OneK = (offset: number, leftOf: (row: number) => Code) => Code;

const PANEL_ROW_BYTES = PANEL_COLUMNS * 4;
const spread = (vector: Local, lane: number): Code => f32x4.shuffle(vector.get, vector.get, [lane, lane, lane, lane]);

/** Four k at a time: one vector of each row of a, then what is left of k one by one. */
function sumOverRows({ params: [a, aRow, panel, k], local }: FunctionScope, rows: number, oneK: OneK): Code {
  const end = local("i32");
  const pointers = Array.from({ length: rows }, (_, r) => (r === 0 ? a : local("i32")));
  const vectors = pointers.map(() => local("v128"));
  const advance = (bytes: number): Code => seq(...pointers.map((pointer) => pointer.set(i32.add(pointer.get, i32.const(bytes)))));
  return seq(
    ...pointers.slice(1).map((pointer, r) => pointer.set(i32.add(pointers[r].get, aRow.get))),
    end.set(i32.add(panel.get, i32.mul(i32.and(k.get, i32.const(-4)), i32.const(PANEL_ROW_BYTES)))),
    whileBelow(
      panel,
      end.get,
      i32.const(4 * PANEL_ROW_BYTES),
      seq(
        ...pointers.map((pointer, r) => vectors[r].set(f32x4.load(pointer.get))),
        advance(16),
        ...[0, 1, 2, 3].map((lane) => oneK(lane * PANEL_ROW_BYTES, (r) => spread(vectors[r], lane))),
      ),
    ),
    end.set(i32.add(panel.get, i32.mul(i32.and(k.get, i32.const(3)), i32.const(PANEL_ROW_BYTES)))),
    whileBelow(
      panel,
      end.get,
      i32.const(PANEL_ROW_BYTES),
      seq(
        oneK(0, (r) => f32x4.loadSplat(pointers[r].get)),
        advance(4),
      ),
    ),
  );
}

/** One k at a time: its rows lie side by side. Reads up to three floats more than it uses. */
function sumOverColumns({ params: [a, aColumn, panel, k], local }: FunctionScope, rows: number, oneK: OneK): Code {
  const end = local("i32");
  const vectors = Array.from({ length: Math.ceil(rows / 4) }, () => local("v128"));
  const step = seq(...vectors.map((vector, index) => vector.set(f32x4.load(a.get, index * 16))), a.set(i32.add(a.get, aColumn.get)));
  const turn = (offset: number): Code =>
    seq(
      step,
      oneK(offset, (r) => spread(vectors[r >> 2], r & 3)),
    );
  return seq(
    end.set(i32.add(panel.get, i32.mul(i32.and(k.get, i32.const(-2)), i32.const(PANEL_ROW_BYTES)))),
    whileBelow(panel, end.get, i32.const(2 * PANEL_ROW_BYTES), seq(turn(0), turn(PANEL_ROW_BYTES))),
    ifThen(i32.and(k.get, i32.const(1)), turn(0)),
  );
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

/**
 * multiplyPanels: y[m, n] = alpha a · b + source for b packed by `pack`; all of one k block. Strides in bytes; aColumn or aRow is 4. `edge` is scratch
 * of TILE_ROWS x 8 floats through which the columns beyond the last whole panel go.
 * Params a, aRow, aColumn, panels, m, n, k, y, yRow, source (0 for none), sourceRow, alpha, edge.
 */
function defineMultiplyPanels(
  module: ModuleBuilder,
  rowTiles: readonly FunctionReference[],
  columnTiles: readonly FunctionReference[],
): void {
  module.define(
    "multiplyPanels",
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32", "i32"],
    ({ params, local }) => {
      const [a, aRow, aColumn, panels, m, n, k, y, yRow, source, sourceRow, alpha, edge] = params;
      const [i, j, rows, panel, target, from, r, c] = Array.from({ length: 8 }, () => local("i32"));
      const panelBytes = i32.mul(k.get, i32.const(PANEL_COLUMNS * 4));
      /** Calls the tile of as many rows as are left. */
      const dispatch = (to: Code, toRow: Code, from: Code, fromRow: Code): Code => {
        const choose = (tiles: readonly FunctionReference[], stride: Local): Code =>
          tiles.reduce<Code>(
            (otherwise, tile, index) =>
              ifThen(
                i32.eq(rows.get, i32.const(index + 1)),
                tile.call(a.get, stride.get, panel.get, k.get, to, toRow, from, fromRow, alpha.get),
                otherwise,
              ),
            [],
          );
        return ifThen(i32.eq(aColumn.get, i32.const(4)), choose(rowTiles, aRow), choose(columnTiles, aColumn));
      };
      const byColumn = i32.shl(j.get, i32.const(2));
      const targetElement = i32.add(i32.add(target.get, i32.mul(r.get, yRow.get)), c.get);
      const edgeElement = f32.load(i32.add(i32.add(edge.get, i32.shl(r.get, i32.const(5))), c.get));
      const copyEdge = seq(
        dispatch(edge.get, i32.const(PANEL_COLUMNS * 4), i32.const(0), i32.const(0)),
        r.set(i32.const(0)),
        whileBelow(
          r,
          rows.get,
          i32.const(1),
          seq(
            c.set(i32.const(0)),
            whileBelow(
              c,
              i32.shl(i32.sub(n.get, j.get), i32.const(2)),
              i32.const(4),
              ifThen(
                source.get,
                f32.store(targetElement, f32.add(edgeElement, f32.load(i32.add(i32.add(from.get, i32.mul(r.get, sourceRow.get)), c.get)))),
                f32.store(targetElement, edgeElement),
              ),
            ),
          ),
        ),
      );
      return whileBelow(
        i,
        m.get,
        i32.const(TILE_ROWS),
        seq(
          rows.set(i32.sub(m.get, i.get)),
          ifThen(i32.gtU(rows.get, i32.const(TILE_ROWS)), rows.set(i32.const(TILE_ROWS))),
          panel.set(panels.get),
          j.set(i32.const(0)),
          whileBelow(
            j,
            n.get,
            i32.const(PANEL_COLUMNS),
            seq(
              target.set(i32.add(i32.add(y.get, i32.mul(i.get, yRow.get)), byColumn)),
              from.set(i32.const(0)),
              ifThen(source.get, from.set(i32.add(i32.add(source.get, i32.mul(i.get, sourceRow.get)), byColumn))),
              ifThen(
                i32.leU(i32.add(j.get, i32.const(PANEL_COLUMNS)), n.get),
                dispatch(target.get, yRow.get, from.get, sourceRow.get),
                copyEdge,
              ),
              panel.set(i32.add(panel.get, panelBytes)),
            ),
          ),
          a.set(i32.add(a.get, i32.mul(aRow.get, i32.const(TILE_ROWS)))),
        ),
      );
    },
  );
}

/** Adds the matrix kernels to a module. */
export function defineGemm(module: ModuleBuilder): void {
  const tilesOf = (layout: LeftLayout): FunctionReference[] =>
    Array.from({ length: TILE_ROWS }, (_, index) => defineTile(module, index + 1, layout));
  const [rowTiles, columnTiles] = [tilesOf("rows"), tilesOf("columns")];
  definePack(module);
  defineMultiplyPanels(module, rowTiles, columnTiles);
}
