import { SUBGROUP_SIZE, UNIT, type BlockShape } from "./blockShape.ts";
import { each, list } from "./blockText.ts";

export interface RowOperand {
  /** Binding, and whether it is float16. */
  readonly operand: string;
  readonly half: boolean;
  /** WGSL: elements of a row of the operand, and the head that is read. */
  readonly width: string;
  readonly head: string;
}

/** WGSL: the row of the workgroup, of row tile i, that this lane reads with its neighbour. */
const rowRead = (i: number): string => `firstRow + ${i * UNIT}u + inSubgroup / 2u`;

/**
 * WGSL that reads this subgroup's rows into `<name>Piece<i>_<depth>` or, of float32, `<name>Low<i>_<depth>` and `<name>High<i>_<depth>`:
 * two lanes share a row and have eight of sixteen columns each.
 */
export function readRows({ subgroupRows, headDim }: BlockShape, name: string, { operand, half, width, head }: RowOperand): string {
  const [rowTiles, depths] = [subgroupRows / UNIT, headDim / UNIT];
  return `
${list(
  rowTiles,
  (i) =>
    `  let ${name}At${i} = ((sequence * p.tokens + min(rowStart + ${rowRead(i)}, p.tokens - 1u)) * ${width} + ${head} * ${headDim}u) / 8u + inSubgroup % 2u;`,
)}
${each(rowTiles, depths, (i, d) =>
  half
    ? `  let ${name}Piece${i}_${d} = ${operand}[${name}At${i} + ${2 * d}u];`
    : `  let ${name}Low${i}_${d} = ${operand}[2u * (${name}At${i} + ${2 * d}u)];\n  let ${name}High${i}_${d} = ${operand}[2u * (${name}At${i} + ${2 * d}u) + 1u];`,
)}`;
}

/**
 * WGSL that makes left matrices `<name><i>_<depth>`, kept for the whole kernel, of the rows that were read. They pass through
 * `scores` sixteen columns at a time. `factor`: a WGSL factor of this lane's float32 row of row tile i.
 */
export function keepRows(shape: BlockShape, name: string, half: boolean, factor?: (i: number) => string): string {
  const { headDim, subgroupRows, scorePitch } = shape;
  const rowTiles = subgroupRows / UNIT;
  return `
${list(
  headDim / UNIT,
  (d) => `  workgroupBarrier();
${list(rowTiles, (i) => {
  const times = factor ? `${factor(i)} * ` : "";
  const value = half ? `${name}Piece${i}_${d}` : `packed(${times}${name}Low${i}_${d}, ${times}${name}High${i}_${d})`;
  return `  scores[(${rowRead(i)}) * ${scorePitch}u + inSubgroup % 2u] = ${value};`;
})}
  workgroupBarrier();
${list(rowTiles, (i) => `  let ${name}${i}_${d} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&scores, (firstRow + ${i * UNIT}u) * ${scorePitch}u, ${scorePitch}u);`)}`,
)}
  workgroupBarrier();`;
}

/** WGSL that reads rows and keeps them as left matrices. */
export function keepLeft(shape: BlockShape, name: string, operand: RowOperand): string {
  return `${readRows(shape, name, operand)}${keepRows(shape, name, operand.half)}`;
}

/** WGSL variables of the sums `<name><i>_<c>` over columns. */
export function sumVariables(shape: BlockShape, name: string): string {
  return each(shape.subgroupRows / UNIT, shape.headDim / UNIT, (i, c) => `  var ${name}${i}_${c}: subgroup_matrix_result<f32, 16, 16>;`);
}

/** WGSL that multiplies all sums by a factor that is the same in a subgroup. */
export function multiplySums(shape: BlockShape, name: string, factor: string): string {
  return each(
    shape.subgroupRows / UNIT,
    shape.headDim / UNIT,
    (i, c) => `        ${name}${i}_${c} = subgroupMatrixScalarMultiply(${name}${i}_${c}, ${factor});`,
  );
}

/** WGSL that multiplies the rows of all sums by `rowFactor`, by way of `scores`. */
export function multiplyRows(shape: BlockShape, name: string): string {
  const { scorePitch } = shape;
  return each(shape.subgroupRows / UNIT, shape.headDim / UNIT, (i, c) => {
    const place = `(firstRow + ${i * UNIT}u) * ${scorePitch}u`;
    return `
      subgroupMatrixStore<row_major>(&scores, ${place}, ${name}${i}_${c}, ${scorePitch}u);
      workgroupBarrier();
      for (var slot = inSubgroup; slot < ${UNIT * 4}u; slot += ${SUBGROUP_SIZE}u) {
        let r = firstRow + ${i * UNIT}u + slot / 4u;
        let at = r * ${scorePitch}u + slot % 4u;
        scores[at] = bitcast<vec4u>(rowFactor[r] * bitcast<vec4f>(scores[at]));
      }
      workgroupBarrier();
      ${name}${i}_${c} = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, ${place}, ${scorePitch}u);
      workgroupBarrier();`;
  });
}

/** WGSL that writes the sums to one head of an operand, 16 columns at a time through `scores`; row r of the workgroup is multiplied by `factor` of r. */
export function storeSums(
  shape: BlockShape,
  name: string,
  { operand, half, width, head }: RowOperand,
  factor: (row: string) => string,
): string {
  const { headDim, subgroupRows, scorePitch } = shape;
  const pieces = half ? 2 : 4;
  const value = (piece: string): string => `factor * bitcast<vec4f>(scores[r * ${scorePitch}u + ${piece}])`;
  return list(
    headDim / UNIT,
    (c) => `
  workgroupBarrier();
${list(subgroupRows / UNIT, (i) => `  subgroupMatrixStore<row_major>(&scores, (firstRow + ${i * UNIT}u) * ${scorePitch}u, ${name}${i}_${c}, ${scorePitch}u);`)}
  workgroupBarrier();
  for (var slot = inSubgroup; slot < ${subgroupRows * pieces}u; slot += ${SUBGROUP_SIZE}u) {
    let r = firstRow + slot / ${pieces}u;
    let token = rowStart + r;
    let piece = slot % ${pieces}u;
    if (token < p.tokens) {
      let factor = ${factor("r")};
      ${operand}[((sequence * p.tokens + token) * ${width} + ${head} * ${headDim}u) / ${16 / pieces}u + ${pieces * c}u + piece] = ${half ? `packed(${value("2u * piece")}, ${value("2u * piece + 1u")})` : value("piece")};
    }
  }`,
  );
}
