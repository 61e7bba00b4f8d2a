import type { MatrixUnitTile } from "./matrixUnitTile.ts";
import type { StagedBlock } from "./stagedBlock.ts";

/** Rows, columns and depth of a matrix. */
export const UNIT = 16;

/** WGSL that adds the products of two staged blocks to a subgroup's sums, for `depth` of them. */
export function multiplications(
  { subgroupM, subgroupN }: MatrixUnitTile,
  depth: number,
  left: StagedBlock,
  leftColumnMajor: boolean,
  right: StagedBlock,
  rightColumnMajor: boolean,
): string {
  const [rows, columns] = [subgroupM / UNIT, subgroupN / UNIT];
  const order = (columnMajor: boolean): string => (columnMajor ? "col_major" : "row_major");
  return list(
    depth / UNIT,
    (step) => `    {
${list(rows, (i) => `      let left${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, ${order(leftColumnMajor)}>(&staged, ${left.at(i, step)}, ${left.pitch}u);`)}
${list(columns, (j) => `      let right${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, ${order(rightColumnMajor)}>(&staged, ${right.at(j, step)}, ${right.pitch}u);`)}
${each(rows, columns, (i, j) => `      sum${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, sum${i}_${j});`)}
    }`,
  );
}

export function list(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

export function each(rows: number, columns: number, line: (row: number, column: number) => string): string {
  return list(rows, (row) => list(columns, (column) => line(row, column)));
}
