import { lowerProgram, opTable } from "@sft/kernels";
import { conformanceCases, recordCase } from "@sft/kernels/testing";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "./dispatch.ts";
import type { Kernel } from "./kernel.ts";
import { listDispatches } from "./listDispatches.ts";
import { expectAccepted } from "./testing/expectAccepted.ts";
import { opEmitters } from "./ops/index.ts";
import { trainingStep } from "./testing/testProgram.ts";

const limits: KernelLimits = {
  ...defaultLimits,
  maxBindingBytes: 2 ** 31 - 256,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
  matrixUnits: true,
};

// The software GPU has neither float16 nor matrix units; their numbers are compared on a GPU. Here the text is type-checked by Dawn.
it("writes WGSL that Dawn accepts for every case and a training step on matrix units", async () => {
  const step = trainingStep({ batch: 2, tokens: 64, width: 64, vocabulary: 256, supervised: 64 });
  const programs = [step, ...conformanceCases.map((one) => recordCase(one).program)];
  const kernels = new Map<string, Kernel>();
  for (const program of programs) {
    const lowered = lowerProgram(program, new Set(opEmitters.keys()), opTable);
    for (const { kernel } of listDispatches(lowered, opTable, limits).dispatches) kernels.set(kernel.wgsl, kernel);
  }
  expect([...kernels.keys()].filter((text) => text.includes("vec4h")).length).toBeGreaterThan(10);
  await expectAccepted(kernels.values());
}, 120_000);
