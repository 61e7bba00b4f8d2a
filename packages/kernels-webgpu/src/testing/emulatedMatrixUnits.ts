import { defineKernel, type Kernel } from "../kernel.ts";

/**
 * A kernel for matrix units as one for any device: 16 x 16 matrices are numbered parts of an array, and the first of 32 threads
 * works on them, so that addresses and sums can be tested without such units. Understands kernels that load matrices of float16 from
 * arrays of vec4u in workgroup memory, and store matrices of float32 there.
 */
export function emulateMatrixUnits(kernel: Kernel): Kernel {
  const { source } = kernel;
  let matrices = 0;
  const tiles = new Set<string>();
  const on = (what: string, tile: string): string => {
    tiles.add(tile);
    return `${what}_${tile}(`;
  };
  const body = source.body
    .replace(
      /subgroupMatrixLoad<subgroup_matrix_(?:left|right)<f16, 16, 16>, (row|col)_major>\(&(\w+), /g,
      (_, order: string, tile: string) => `${on("loadMatrix", tile)}${matrices++}u, ${order === "col"}, `,
    )
    .replace(/: subgroup_matrix_result<f32, 16, 16>;/g, () => ` = zeroMatrix(${matrices++}u);`)
    .replace(/subgroup_matrix_result<f32, 16, 16>\(0\.0\)/g, () => `zeroMatrix(${matrices++}u)`)
    .replace(/subgroupMatrixStore<row_major>\(&(\w+), /g, (_, tile: string) => on("storeMatrix", tile))
    .replace(/subgroupMatrixMultiplyAccumulate\(/g, "multiplyAdd(")
    .replace(/subgroupMatrixScalarMultiply\(/g, "multiplyMatrix(");
  if (/subgroup_?[mM]atrix/.test(body)) throw new Error(`${kernel.label} uses matrices in a way that is not emulated`);
  return defineKernel({
    ...source,
    label: `${source.label}, emulated`,
    enable: [],
    declarations: `${source.declarations ?? ""}
var<private> matrices: array<f32, ${256 * matrices}>;
var<private> leads: bool;
fn zeroMatrix(matrix: u32) -> u32 {
  for (var slot = 0u; leads && slot < 256u; slot++) { matrices[matrix * 256u + slot] = 0.0; }
  return matrix;
}
fn multiplyMatrix(matrix: u32, factor: f32) -> u32 {
  for (var slot = 0u; leads && slot < 256u; slot++) { matrices[matrix * 256u + slot] *= factor; }
  return matrix;
}
fn multiplyAdd(left: u32, right: u32, sum: u32) -> u32 {
  for (var slot = 0u; leads && slot < 256u; slot++) {
    var value = matrices[sum * 256u + slot];
    for (var d = 0u; d < 16u; d++) { value += matrices[left * 256u + slot / 16u * 16u + d] * matrices[right * 256u + d * 16u + slot % 16u]; }
    matrices[sum * 256u + slot] = value;
  }
  return sum;
}
${[...tiles].map(accessTo).join("\n")}`,
    body: `  let subgroup = lane / 32u;\n  leads = lane % 32u == 0u;\n${body}`,
  });
}

/** WGSL functions that load matrices from an array of workgroup memory and store them there. */
function accessTo(tile: string): string {
  return `
fn loadMatrix_${tile}(matrix: u32, columnMajor: bool, offset: u32, pitch: u32) -> u32 {
  for (var slot = 0u; leads && slot < 256u; slot++) {
    let line = select(slot / 16u, slot % 16u, columnMajor);
    let element = select(slot % 16u, slot / 16u, columnMajor);
    matrices[matrix * 256u + slot] = unpack2x16float(${tile}[offset + line * pitch + element / 8u][element % 8u / 2u])[element % 2u];
  }
  return matrix;
}
fn storeMatrix_${tile}(offset: u32, matrix: u32, pitch: u32) {
  for (var slot = 0u; leads && slot < 256u; slot++) {
    ${tile}[offset + slot / 16u * pitch + slot % 16u / 4u][slot % 4u] = bitcast<u32>(matrices[matrix * 256u + slot]);
  }
}`;
}
