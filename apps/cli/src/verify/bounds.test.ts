import { describe, expect, it } from "vitest";
import { boundsFor } from "./verifyFolder.ts";

describe("boundsFor", () => {
  it("keeps the promise of float32 whatever the depth", () => {
    expect(boundsFor({ backend: "cpu" }, 2)).toMatchObject({ logits: 1e-5, grads: 1e-4, trajectoryLoss: 2e-3 });
    expect(boundsFor({ backend: "webgpu" }, 7)).toMatchObject({ logits: 1e-4, grads: 1e-3, trajectoryLoss: 2e-3 });
  });

  it("follows the products' rounding and the root of their number, and leaves the trajectory's bound alone", () => {
    const shallow = boundsFor({ backend: "webgpu", productRoundoff: 2 ** -11 }, 2);
    const deep = boundsFor({ backend: "webgpu", productRoundoff: 2 ** -11 }, 8);
    expect(shallow.logits).toBeCloseTo(2 * 2 ** -11 * Math.sqrt(13), 12);
    expect(deep.logits / shallow.logits).toBeCloseTo(Math.sqrt(49 / 13), 12);
    expect(boundsFor({ backend: "webgpu", productRoundoff: 2 ** -8 }, 2).logits).toBeCloseTo(8 * shallow.logits, 12);
    expect(shallow.trajectoryLoss).toBe(2e-3);
  });
});
