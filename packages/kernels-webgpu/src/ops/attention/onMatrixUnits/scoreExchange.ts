import { UNIT, type BlockShape } from "./blockShape.ts";
import { list } from "./blockText.ts";

/*
 * Matrices have no elements that a lane could reach, so scores go through `scores`, a row of workgroup memory for each row of the
 * subgroup: products are stored there as float32, lanes read their part of a row, and put float16 weights back into it, which are
 * the left matrices of the next product. There is room for two such weights in place of one row of float32 scores.
 */

/** WGSL vec4 of a row of scores that is the n-th of a lane. Two lanes with two each take turns, so that both halves of a lane's part can be written. */
export function vectorSlot({ laneVectors, lanesPerRow }: BlockShape, n: number): string {
  if (lanesPerRow === 1) return `${n}u`;
  return laneVectors === 2 ? `(part + ${2 * n}u)` : `(part * ${laneVectors}u + ${n}u)`;
}

/** WGSL: the n-th four scores of this lane. */
export function laneScores(shape: BlockShape, n: number): string {
  return `bitcast<vec4f>(scores[ownScores + ${vectorSlot(shape, n)}])`;
}

/** WGSL: for each of the lane's vec4s `name<n>`, zero where `isSeen` says that row and column do not see each other. */
export function maskUnseen(shape: BlockShape, name: string, unseen: string): string {
  return list(
    shape.laneVectors,
    (n) =>
      `        ${name}${n} = select(${unseen}, ${name}${n}, isSeen(ownRow, ownSegment, vec4u(columnStart + 4u * ${vectorSlot(shape, n)}) + vec4u(0u, 1u, 2u, 3u), columnSegments[${vectorSlot(shape, n)}]));`,
  );
}

/**
 * WGSL: this subgroup's scores of one block = kept left rows times the transpose of the staged columns. The sums are set to 0 by
 * name: in a loop, a matrix that is only declared keeps what the last round left (seen with Dawn on an H100).
 */
export function scoreProduct(shape: BlockShape, left: string, tile: string): string {
  const rowTiles = shape.subgroupRows / UNIT;
  return list(
    shape.columns / UNIT,
    (j) => `      {
${list(rowTiles, (i) => `        var sum${i} = subgroup_matrix_result<f32, 16, 16>(0.0);`)}
${list(
  shape.headDim / UNIT,
  (d) => `        {
          let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&${tile}, ${j * UNIT * shape.operandPitch + 2 * d}u, ${shape.operandPitch}u);
${list(rowTiles, (i) => `          sum${i} = subgroupMatrixMultiplyAccumulate(${left}${i}_${d}, right, sum${i});`)}
        }`,
)}
${list(rowTiles, (i) => `        subgroupMatrixStore<row_major>(&scores, (firstRow + ${i * UNIT}u) * ${shape.scorePitch}u + ${4 * j}u, sum${i}, ${shape.scorePitch}u);`)}
      }`,
  );
}

/** WGSL that puts this lane's `<name>0`, `<name>1`, ... back as float16, into the first or second half of its part. Lanes write only where they have read. */
export function storeWeights(shape: BlockShape, name: string, half: 0 | 1 = 0): string {
  const { laneVectors, lanesPerRow } = shape;
  if (lanesPerRow === 2 && laneVectors === 2) {
    return `      {
        let low = vec2u(pack2x16float(${name}0.xy), pack2x16float(${name}0.zw));
        let high = vec2u(pack2x16float(${name}1.xy), pack2x16float(${name}1.zw));
        let own = select(high, low, part == 0u);
        let other = subgroupShuffleXor(select(low, high, part == 0u), 16u);
        scores[ownScores + part + ${2 * half}u] = select(vec4u(other, own), vec4u(own, other), part == 0u);
      }`;
  }
  return list(
    laneVectors / 2,
    (pair) =>
      `      scores[ownScores + part * ${laneVectors}u + ${(half * laneVectors) / 2 + pair}u] = packed(${name}${2 * pair}, ${name}${2 * pair + 1});`,
  );
}

/** vec4u from the start of a row of scores to its 16 float16 columns from 16 t on. */
function weightOffset({ laneVectors, lanesPerRow }: BlockShape, t: number, half: 0 | 1): number {
  if (lanesPerRow === 2 && laneVectors === 2) return 2 * half;
  const lane = Math.floor((t * UNIT) / (4 * laneVectors));
  return lane * laneVectors + (t * UNIT - lane * 4 * laneVectors) / 8 + (half * laneVectors) / 2;
}

/** WGSL: `<sums><i>_<c>` += this subgroup's float16 weights times the staged rows of a tile. */
export function addWeighted(shape: BlockShape, sums: string, half: 0 | 1, tile: string): string {
  const rowTiles = shape.subgroupRows / UNIT;
  return list(
    shape.columns / UNIT,
    (t) => `      {
${list(rowTiles, (i) => `        let left${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&scores, (firstRow + ${i * UNIT}u) * ${shape.scorePitch}u + ${weightOffset(shape, t, half)}u, ${shape.scorePitch}u);`)}
${list(
  shape.headDim / UNIT,
  (c) => `        {
          let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&${tile}, ${t * UNIT * shape.operandPitch + 2 * c}u, ${shape.operandPitch}u);
${list(rowTiles, (i) => `          ${sums}${i}_${c} = subgroupMatrixMultiplyAccumulate(left${i}, right, ${sums}${i}_${c});`)}
        }`,
)}
      }`,
  );
}
