import { type Code, f32x4, i32, ifThen, type Local, seq, whileBelow } from "./assembler.ts";
import type { FunctionReference, FunctionScope, ModuleBuilder } from "./moduleBuilder.ts";

/** Columns of one packed panel of b: two vectors of four. */
export const PANEL_COLUMNS = 8;
/** Rows of y that one microkernel call computes: ROWS x 8 accumulators stay in registers. */
export const TILE_ROWS = 6;

/** How a lies in memory: "rows" have their k contiguous, "columns" have their rows contiguous (a transposed operand). */
export type LeftLayout = "rows" | "columns";

/**
 * tile<rows>: y[rows, 8] = alpha * a · panel + source, where a is read in place and the panel is [k, 8] packed. Four elements
 * of a are loaded at once and spread by shuffles, which is cheaper than a load for each. Every element of y is summed over k in
 * ascending order, whatever the layout and the number of rows, so results do not depend on the tiling.
 * Params a, aStride (bytes from row to row, or from column to column), panel, k, y, yRow, source (0 for none), sourceRow, alpha.
 */
export function defineTile(module: ModuleBuilder, rows: number, layout: LeftLayout): FunctionReference {
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
