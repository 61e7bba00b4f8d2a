import type { FunctionReference, ModuleBuilder } from "./moduleBuilder.ts";
import { defineTile, type LeftLayout, TILE_ROWS } from "./gemmTile.ts";
import { defineMultiplyPanels } from "./multiplyPanels.ts";
import { definePack } from "./packPanels.ts";

/** Adds the matrix kernels to a module. */
export function defineGemm(module: ModuleBuilder): void {
  const tilesOf = (layout: LeftLayout): FunctionReference[] =>
    Array.from({ length: TILE_ROWS }, (_, index) => defineTile(module, index + 1, layout));
  const [rowTiles, columnTiles] = [tilesOf("rows"), tilesOf("columns")];
  definePack(module);
  defineMultiplyPanels(module, rowTiles, columnTiles);
}
