/** One operand's part of a step, as it is copied to workgroup memory. */
export interface StagedBlockOptions {
  readonly name: string;
  /** Whether its lines belong to rows of y, or to columns. */
  readonly side: "rows" | "columns";
  /** Element type in memory; float32 is rounded to float16 on the way. */
  readonly type: "f32" | "f16";
  /** What float32 is multiplied with before it is rounded. */
  readonly factor?: string;
  /** Rows or columns of y, and depth, that a step needs. */
  readonly extent: number;
  readonly depth: number;
  /** Whether the depth is what lies contiguous in memory. */
  readonly depthIsContiguous: boolean;
  /** Depth that there is in memory where steps go past it; they stage zeros there. */
  readonly available?: number;
  /** Elements from one line in memory to the next, and the same as it must be computed from the part's first line. */
  readonly stride: number;
  readonly threads: number;
  /** A second buffer like the first, which the second half of the lines comes from; by whole lines only. */
  readonly beside?: string;
  /** Rows or columns of one subgroup, and the first vec4u of this block in `staged`. */
  readonly subgroupExtent: number;
  readonly offset: number;
}

/** WGSL of one operand: where a thread starts, its registers, fetching, storing, and where matrices are found. */
export interface StagedBlock {
  /** vec4u of workgroup memory, and from one line to the next. */
  readonly size: number;
  readonly pitch: number;
  readonly setup: string;
  /** Where it starts again after `firstRow`, `firstColumn` or `depth` was changed. */
  readonly start: string;
  readonly fetch: string;
  readonly store: string;
  /** Where a fetch brings two steps: stores the second, after the first was stored and used. */
  readonly storeSecond?: string;
  /** First vec4u of the 16 x 16 matrix `index` of this subgroup at `step` of the depth. */
  at(index: number, step: number): string;
}

/** Elements of float16 in 16 bytes, and vec4u that pass through all 32 banks of workgroup memory. */
const PIECE = 8;
const BANKS = 8;
/** Lines of a matrix, which lie one below the other. */
const UNIT = 16;

/**
 * A block as it lies in memory, 8 float16 to a vec4u. Lines shorter than 128 bytes share a line of workgroup memory where that parts no
 * matrix: line i with line i + lines / 2 (a quarter for 32 bytes). Each line is padded by one vec4u, so that 8 threads that store, and 8 rows that a
 * matrix unit loads, always meet different banks.
 */
export function stagedBlock(options: StagedBlockOptions): StagedBlock {
  const { name, side, type, factor, extent, depth, depthIsContiguous, available, stride, threads, subgroupExtent, offset } = options;
  const [lines, width] = depthIsContiguous ? [extent, depth] : [depth, extent];
  const pieces = width / PIECE;
  let shared = depthIsContiguous && pieces < BANKS ? BANKS / pieces : 1;
  while (shared > 1 && (lines / shared) % UNIT !== 0) shared /= 2;
  const rows = lines / shared;
  const rowPieces = pieces * shared;
  const pitch = rowPieces + 1;
  const rounds = Math.ceil((rows * rowPieces) / threads);
  const whole = (rows * rowPieces) % threads === 0;
  const first = side === "rows" ? "firstRow" : "firstColumn";
  // With whole rows a round, a thread stays in its column and its address moves by a constant.
  const regular = threads % rowPieces === 0;
  const roundRows = threads / rowPieces;
  const slot = (round: number): string => `(lane + ${round * threads}u)`;
  const rowOf = (round: number): string => (regular ? `(${name}Row + ${round * roundRows}u)` : `(${slot(round)} / ${rowPieces}u)`);
  const pieceOf = (round: number): string => (regular ? `${name}Piece` : `(${slot(round)} % ${rowPieces}u)`);
  const address = (round: number): string => {
    const line = `(${rowOf(round)} + ${pieceOf(round)} / ${pieces}u * ${rows}u)`;
    const piece = `${pieceOf(round)} % ${pieces}u`;
    return depthIsContiguous
      ? `((${first} + ${line}) * ${stride}u + depth) / ${PIECE}u + ${piece}`
      : `((depth + ${line}) * ${stride}u + ${first}) / ${PIECE}u + ${piece}`;
  };
  const guard = (round: number): string => (whole ? "" : `if (${slot(round)} < ${rows * rowPieces}u) `);
  const isThere = (round: number): string =>
    depthIsContiguous
      ? `depth + ${pieceOf(round)} % ${pieces}u * ${PIECE}u < ${available}u`
      : `depth + ${rowOf(round)} + ${pieceOf(round)} / ${pieces}u * ${rows}u < ${available}u`;
  const load = (round: number): string => {
    const at = regular ? `${name}At + ${(round * roundRows * stride) / PIECE}u` : address(round);
    const [clear, read] =
      type === "f32"
        ? [
            `${name}Low${round} = vec4f(); ${name}High${round} = vec4f();`,
            `let at = 2u * (${at}); ${name}Low${round} = ${name}[at]; ${name}High${round} = ${name}[at + 1u];`,
          ]
        : [`${name}Next${round} = vec4u();`, `${name}Next${round} = ${name}[${at}];`];
    if (available === undefined || available % depth === 0) return `${guard(round)}{ ${read} }`;
    return `${guard(round)}{ if (${isThere(round)}) { ${read} } else { ${clear} } }`;
  };
  const advance = depthIsContiguous ? depth / PIECE : (depth * stride) / PIECE;
  const scaled = factor === undefined ? "" : `${factor} * `;
  const value = (round: number): string =>
    type === "f32" ? `packed(${scaled}${name}Low${round}, ${scaled}${name}High${round})` : `${name}Next${round}`;
  const subgroupFirst = side === "rows" ? "subgroupRow" : "subgroupColumn";
  return {
    size: rows * pitch,
    pitch,
    setup: [
      ...(regular ? [`  let ${name}Row = lane / ${rowPieces}u;`, `  let ${name}Piece = lane % ${rowPieces}u;`] : []),
      ...(regular ? [`  var ${name}At = ${address(0)};`] : []),
      ...range(rounds).map((round) =>
        type === "f32" ? `  var ${name}Low${round} = vec4f(); var ${name}High${round} = vec4f();` : `  var ${name}Next${round} = vec4u();`,
      ),
    ].join("\n"),
    start: regular ? `  ${name}At = ${address(0)};` : "",
    fetch: [...range(rounds).map((round) => `    ${load(round)}`), ...(regular ? [`    ${name}At += ${advance}u;`] : [])].join("\n"),
    store: range(rounds)
      .map((round) => `    ${guard(round)}{ staged[${offset}u + ${rowOf(round)} * ${pitch}u + ${pieceOf(round)}] = ${value(round)}; }`)
      .join("\n"),
    at: (index, step) => {
      if (!depthIsContiguous) return `${offset + step * 16 * pitch + index * 2}u + ${subgroupFirst} / ${PIECE}u`;
      const line = `(${subgroupFirst} + ${index * 16}u)`;
      return rows % subgroupExtent === 0
        ? `${offset + index * 16 * pitch + step * 2}u + ${subgroupFirst} % ${rows}u * ${pitch}u + ${subgroupFirst} / ${rows}u * ${pieces}u`
        : `${offset + step * 2}u + ${line} % ${rows}u * ${pitch}u + ${line} / ${rows}u * ${pieces}u`;
    },
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
