import { type Code, f32, i32, ifThen, type Local, seq, whileBelow } from "./assembler.ts";
import type { FunctionReference, ModuleBuilder } from "./moduleBuilder.ts";
import { PANEL_COLUMNS, TILE_ROWS } from "./gemmTile.ts";

/**
 * multiplyPanels: y[m, n] = alpha a · b + source for b packed by `pack`; all of one k block. Strides in bytes; aColumn or aRow is 4. `edge` is scratch
 * of TILE_ROWS x 8 floats through which the columns beyond the last whole panel go.
 * Params a, aRow, aColumn, panels, m, n, k, y, yRow, source (0 for none), sourceRow, alpha, edge.
 */
export function defineMultiplyPanels(
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
