import { opTable, wrapBackend, type Backend } from "@sft/kernels";
import { conformanceCases, recordCase, runConformance } from "@sft/kernels/testing";
import { describe, expect, it } from "vitest";
import { createCpuBackend } from "./backend.ts";

/** The same backend, saying that it lacks an op. */
function withoutOp(backend: Backend, op: string): Backend {
  const ops = new Set([...backend.capabilities.ops].filter((name) => name !== op));
  return wrapBackend(backend, { capabilities: { ...backend.capabilities, ops } });
}

describe("an op that a backend lacks", () => {
  for (const { name, lower } of opTable.values()) {
    if (!lower) continue;
    it(`gives the same results built from others: ${name}`, async () => {
      const [backend, reference] = await Promise.all([createCpuBackend({ threads: 1 }), createCpuBackend({ precision: "float64" })]);
      const cases = conformanceCases.filter((one) => recordCase(one).program.instructions.some((instruction) => instruction.op === name));
      expect(cases.length).toBeGreaterThan(0);
      const results = await runConformance(withoutOp(backend, name), reference, { cases });
      expect(results.filter((result) => !result.pass)).toEqual([]);
      await Promise.all([backend.dispose(), reference.dispose()]);
    });
  }
});
