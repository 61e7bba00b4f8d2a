import type { AttentionAttributes, DType } from "@sft/kernels";
import type { KernelLimits } from "../../dispatch.ts";
import type { BindingType } from "../../kernel.ts";
import { floatElement, type FloatElement, type Operand } from "../../operand.ts";

/**
 * Rows of one head staged in workgroup memory as vec4s, the last one filled up with zeros. A row takes one vec4 more than it
 * needs, so that threads reading one column of neighbouring rows meet different memory banks.
 */
export interface HeadTile {
  readonly headDim: number;
  /** Rows of a tile: queries or keys of a block, and threads along each side of a block of scores. */
  readonly block: number;
  /** vec4s of a row. */
  readonly vectors: number;
  /** vec4s from one row of a tile to the next. */
  readonly stride: number;
  /** vec4s of a row that one of `block` threads holds in registers. */
  readonly perThread: number;
}

/** The largest block whose tiles and two block x block arrays of floats fit into workgroup memory. */
export function headTile(headDim: number, tiles: number, limits: KernelLimits): HeadTile {
  const vectors = Math.ceil(headDim / 4);
  const stride = vectors + 1;
  const fits = (block: number): boolean =>
    block * block <= limits.maxInvocationsPerWorkgroup &&
    tiles * block * stride * 16 + 2 * block * block * 4 <= limits.workgroupStorageBytes;
  const block = [16, 8, 4, 2].find(fits) ?? 1;
  return { headDim, block, vectors, stride, perThread: Math.ceil(vectors / block) };
}

/** Element types in memory of the operands of one kernel, by name. */
export type HeadTypes = Readonly<Record<string, DType>>;

export function headTypes(operands: Readonly<Record<string, Operand>>): HeadTypes {
  return Object.fromEntries(Object.entries(operands).map(([name, { dtype }]) => [name, dtype]));
}

/** Names the variant of a kernel: which operands are float16. */
export function headTypesKey(types: HeadTypes): string {
  return Object.keys(types)
    .filter((name) => types[name] === "f16")
    .join();
}

/** Element type of head operands: four at a time when heads start at multiples of four. */
function headElement(headDim: number, dtype: DType): FloatElement {
  return floatElement({ shape: [], dtype }, headDim % 4 === 0 ? 4 : 1);
}

/** WGSL types of head operands' bindings. */
export function headBindings(access: "read" | "read_write", headDim: number, types: HeadTypes): Record<string, BindingType> {
  return Object.fromEntries(
    Object.entries(types).map(([name, dtype]): [string, BindingType] => [name, `${access} ${headElement(headDim, dtype)}`]),
  );
}

/** WGSL function `load_<name>(base, vector)`: elements 4 vector to 4 vector + 3 of the head whose first element is `base`. */
export function loadVector(name: string, headDim: number): string {
  if (headDim % 4 === 0) return `fn load_${name}(base: u32, vector: u32) -> vec4f { return vec4f(${name}[(base >> 2u) + vector]); }\n`;
  return `fn load_${name}(base: u32, vector: u32) -> vec4f {
  var values = vec4f();
  for (var j = 0u; j < 4u && 4u * vector + j < ${headDim}u; j++) { values[j] = f32(${name}[base + 4u * vector + j]); }
  return values;
}\n`;
}

/** WGSL function `store_<name>(base, vector, values)`, the counterpart of `load_<name>`. */
export function storeVector(name: string, headDim: number, types: HeadTypes): string {
  const element = headElement(headDim, types[name]!);
  if (headDim % 4 === 0)
    return `fn store_${name}(base: u32, vector: u32, values: vec4f) { ${name}[(base >> 2u) + vector] = ${element}(values); }\n`;
  return `fn store_${name}(base: u32, vector: u32, values: vec4f) {
  for (var j = 0u; j < 4u && 4u * vector + j < ${headDim}u; j++) { ${name}[base + 4u * vector + j] = ${element}(values[j]); }
}\n`;
}

/** WGSL that fills the tile `<name>Tile` with rows `start` onwards of one head, zeros after the last token. `width` is the elements of a row of the operand. */
export function stageTile(name: string, tile: HeadTile, start: string, width: string, head: string): string {
  return `
    for (var slot = lane; slot < ${tile.block * tile.vectors}u; slot += ${tile.block * tile.block}u) {
      let tileRow = slot / ${tile.vectors}u;
      let vector = slot % ${tile.vectors}u;
      let token = ${start} + tileRow;
      var values = vec4f();
      if (token < p.tokens) { values = load_${name}((sequence * p.tokens + token) * ${width} + ${head} * ${tile.headDim}u, vector); }
      ${name}Tile[tileRow * ${tile.stride}u + vector] = values;
    }`;
}

/** WGSL workgroup variable of a tile. */
export function tileVariable(name: string, tile: HeadTile): string {
  return `var<workgroup> ${name}Tile: array<vec4f, ${tile.block * tile.stride}>;\n`;
}

/** WGSL that adds the scalar product of row `i` of one tile with row `j` of another. */
export function addProduct(sum: string, left: string, i: string, right: string, j: string, tile: HeadTile): string {
  return `    for (var vector = 0u; vector < ${tile.vectors}u; vector++) { ${sum} += dot(${left}Tile[${i} * ${tile.stride}u + vector], ${right}Tile[${j} * ${tile.stride}u + vector]); }`;
}

/** Parameters that all attention kernels share. */
export const attentionParameters = {
  tokens: "u32",
  queryHeads: "u32",
  keyValueHeads: "u32",
  scale: "f32",
  window: "u32",
  softcap: "f32",
} as const;

/** Their values; `tokens` is the length of a sequence. */
export function attentionValues(attributes: AttentionAttributes, tokens: number): Record<keyof typeof attentionParameters, number> {
  const { queryHeads, keyValueHeads, scale, window, softcap } = attributes;
  return { tokens, queryHeads, keyValueHeads, scale, window, softcap };
}

/** WGSL: whether a query of a sequence sees a key of it. */
export const visibleFunction = `
fn isVisible(sequence: u32, query: u32, key: u32) -> bool {
  if (query >= p.tokens || key > query) { return false; }
  if (p.window != 0u && query - key >= p.window) { return false; }
  return segments[sequence * p.tokens + query] == segments[sequence * p.tokens + key];
}
`;

/** Lower than any score, and finite: WGSL lets a compiler assume that there is no infinity. */
export const LOWEST = "-3.0e38";

/** WGSL loop over the vec4s that a thread holds: `statement` sees `i`, and `vector`, the place of the i-th in its row. */
export function forEachVector(tile: HeadTile, statement: string): string {
  return `for (var i = 0u; i < ${tile.perThread}u; i++) { let vector = column + i * ${tile.block}u; if (vector < ${tile.vectors}u) { ${statement} } }`;
}
