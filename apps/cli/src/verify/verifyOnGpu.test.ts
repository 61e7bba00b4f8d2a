import { goldenModelPath } from "@sft/golden";
import type { Backend } from "@sft/kernels";
import { expectedAdapter } from "@sft/software-gpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyFolder } from "./verifyFolder.ts";

const expectation = await expectedAdapter();

/** The bounds of a GPU's float32: its exp, tanh and reductions are coarser than a processor's by a few units. */
describe.skipIf(expectation.adapter === null)(
  `PyTorch's golden folders on WebGPU (${expectation.adapter ?? (expectation as { reason: string }).reason})`,
  () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await (await import("@sft/kernels-webgpu/node")).createBackend({});
    });
    afterAll(() => backend.dispose());

    it.each(["llama", "llama3-rope-tied"])(
      "%s: logits, loss, all gradients, greedy tokens, adapters and 24 optimiser steps",
      async (family) => {
        const result = await verifyFolder(goldenModelPath(family), backend);
        expect(result.logits!.relL2).toBeLessThanOrEqual(1e-4);
        expect(result.grads!.worst.relL2, result.grads!.worst.name).toBeLessThanOrEqual(1e-3);
        for (const steps of Object.values(result.trajectory!)) {
          expect(steps.maxLossDiff).toBeLessThanOrEqual(2e-3);
          expect(steps.maxGradNormRelDiff).toBeLessThanOrEqual(1e-2);
        }
        expect(result).toMatchObject({ pass: true, greedy: { match: true }, backend: "webgpu" });
      },
      300_000,
    );
  },
);
