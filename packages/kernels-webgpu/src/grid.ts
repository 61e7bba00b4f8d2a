import type { KernelLimits } from "./dispatch.ts";

/** Grid for `count` workgroups in a row, folded into two dimensions where one is too short. `linearGroup` unfolds it. */
export function linearGrid(count: number, limits: KernelLimits): readonly [x: number, y: number] {
  if (count <= limits.maxWorkgroupsPerDimension) return [count, 1];
  const y = Math.ceil(count / limits.maxWorkgroupsPerDimension);
  return [Math.ceil(count / y), y];
}

/** WGSL: the number of this workgroup in a `linearGrid`; may pass the count by less than a row. */
export const linearGroup = "group.y * groups.x + group.x";
