import type { KernelLimits } from "../../dispatch.ts";
import { matrixUnitTiles, chooseMatrixUnitTile } from "./matrixUnitTile.ts";
import type { ProductClass } from "./productClass.ts";
import { chooseTile, LARGE_FROM_BLOCKS, simtTiles, type SimtTileName } from "./tile.ts";
import { WHOLE_DEPTH, WHOLE_TILE } from "./wholeTileKernel.ts";

/** Name of the kernel that has no bounds, among the names of tiles. */
export const WHOLE = "whole";

/** Extents up to which a tile made for few rows or columns is worth a try: several of its blocks, on matrix units one. */
const THIN = 64;
const THIN_ON_MATRIX_UNITS = 16;

/** A tile must be faster than the table's own by this factor to be taken: less is noise. */
const WORTH_CHANGING = 0.97;

/**
 * Names of the tiles to time for a class of products; first the one that the table takes without any timing.
 * One name means that there is nothing to choose.
 */
export function tileCandidates(product: ProductClass, limits: KernelLimits): readonly string[] {
  const { m, n } = product;
  const most = product.matrixUnits ? THIN_ON_MATRIX_UNITS : THIN;
  const thin = [...(m <= most ? ["fewRows"] : []), ...(n <= most ? ["fewColumns"] : [])];
  const large = product.matrixUnits
    ? ["large", ...(n % 96 === 0 ? ["by96Columns"] : []), ...(n % 144 === 0 ? ["by144Columns"] : []), ...(m % 96 === 0 ? ["by96Rows"] : [])]
    : [...(largeTiles(limits) ? ["large"] : []), ...(canBeWhole(product, limits) ? [WHOLE] : [])];
  const wide = [product.matrixUnits ? "middle" : "square", ...(Math.min(m, n) <= THIN ? [] : large)];
  return [...new Set([tableTile(product, limits), ...thin, ...wide])];
}

/** The fastest by measured milliseconds, unless the first is about as fast. Times that are no numbers are passed over. */
export function chooseFastest(times: readonly (readonly [tile: string, milliseconds: number])[]): string {
  const [first] = times;
  if (!first) throw new RangeError("there is no tile to choose from");
  let best = first;
  for (const one of times) if (one[1] < best[1] || !Number.isFinite(best[1])) best = one;
  return best[1] <= first[1] * WORTH_CHANGING || !Number.isFinite(first[1]) ? best[0] : first[0];
}

function tableTile(product: ProductClass, limits: KernelLimits): string {
  const { m, n, k } = product;
  if (product.matrixUnits) return nameOf(matrixUnitTiles, chooseMatrixUnitTile(m, n, k).tile);
  if (canBeWhole(product, limits) && (m / WHOLE_TILE) * (n / WHOLE_TILE) >= LARGE_FROM_BLOCKS) return WHOLE;
  return nameOf(simtTiles, chooseTile(m, n, largeTiles(limits)));
}

function nameOf<T>(tiles: Readonly<Record<string, T>>, tile: T): string {
  return Object.keys(tiles).find((name) => tiles[name] === tile)!;
}

/** Whether workgroups of 256 threads and 32 KiB are there, which the large tiles need. */
export function largeTiles({ maxInvocationsPerWorkgroup, workgroupStorageBytes }: KernelLimits): boolean {
  return maxInvocationsPerWorkgroup >= 256 && workgroupStorageBytes >= 32768;
}

/** Whether the kernel without bounds can compute a product. */
export function canBeWhole(
  { m, n, k, a, b, y }: Pick<ProductClass, "m" | "n" | "k"> & { readonly a: string; readonly b: string; readonly y: string },
  limits: KernelLimits,
): boolean {
  return (
    [a, b, y].every((type) => type === "f32") &&
    k > 0 &&
    m % WHOLE_TILE === 0 &&
    n % WHOLE_TILE === 0 &&
    k % WHOLE_DEPTH === 0 &&
    largeTiles(limits)
  );
}

/** The tile of SIMT kernels with this name; undefined for `WHOLE` and for no name. */
export function simtTile(name: string | undefined): (typeof simtTiles)[SimtTileName] | undefined {
  return name !== undefined && Object.hasOwn(simtTiles, name) ? simtTiles[name as SimtTileName] : undefined;
}
