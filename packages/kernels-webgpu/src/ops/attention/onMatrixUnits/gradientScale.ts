import { list } from "./blockText.ts";
import type { BlockShape } from "./blockShape.ts";

/**
 * Gradients have no natural size (a loss scale multiplies them, a mean over many tokens divides them), so that float32 ones are
 * brought into float16's range by powers of two, which round nothing, and taken back out of the float32 sums. Gradients that are
 * float16 in memory are in its range already.
 */
export const gradientScaleFunctions: string = `
/** Power of two that brings a magnitude into [32, 64). */
fn scaleOf(magnitude: f32) -> f32 {
  let exponent = (bitcast<u32>(magnitude) >> 23u) & 255u;
  return bitcast<f32>(clamp(259u - exponent, 67u, 187u) << 23u);
}`;

/** Where slopes are scaled down: below float16's 65504. */
const LARGEST_SLOPE = "32768.0";

/** WGSL: the scale of slopes before any were seen. The first block brings it down to what it needs. */
export const slopeScaleVariable = "  var slopeScale = 1099511627776.0;";

/**
 * WGSL that scales this lane's `slopes<n>` for staging. When a subgroup meets larger slopes than its scale can hold, the scale
 * drops and `lower`, WGSL that sees `drop`, scales the subgroup's sums down with it.
 */
export function scaleSlopes({ laneVectors }: BlockShape, lower: string): string {
  return `
        var largestSlopes = abs(slopes0);
${list(laneVectors - 1, (n) => `        largestSlopes = max(largestSlopes, abs(slopes${n + 1}));`)}
        let largestSlope = subgroupMax(largestOf(largestSlopes));
        if (largestSlope * slopeScale > ${LARGEST_SLOPE}) {
          let newScale = min(slopeScale, 64.0 * scaleOf(largestSlope));
          let drop = newScale / slopeScale;
          slopeScale = newScale;
${lower}
        }
${list(laneVectors, (n) => `        slopes${n} *= slopeScale;`)}`;
}
