import type { Backend } from "../backend.ts";
import { checkParts } from "./checkParts.ts";
import { conformanceCases } from "./cases/index.ts";
import { differentiableCases, runFiniteDifferences } from "./finiteDifferences.ts";
import { checkName, runConformanceCase, type CaseResult } from "./runConformance.ts";

/** What the suite needs of a test framework: vitest's functions, or those of node:test. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: { (name: string, body: () => Promise<void>): unknown; skip(name: string, body: () => Promise<void>): unknown };
  readonly beforeAll: (body: () => Promise<void>) => unknown;
  readonly afterAll: (body: () => Promise<void>) => unknown;
}

/** Cases that a backend is known to fail, with the reason. */
export interface KnownGap {
  readonly reason: string;
  readonly cases: readonly string[];
}

export interface ConformanceOptions {
  /** Name of the backend, for the report. */
  readonly name: string;
  readonly createBackend: () => Promise<Backend>;
  /** A backend that computes in float64: `createCpuBackend({ precision: "float64" })` of @sft/kernels-cpu. */
  readonly createReference: () => Promise<Backend>;
  readonly skip?: readonly KnownGap[];
  readonly runner: TestRunner;
}

/** A case that missed a bound, or could not run; the message lists every tensor that was off. */
export class ConformanceError extends Error {
  override readonly name = "ConformanceError";
  readonly code = "conformance-failed";
  readonly result: CaseResult;
  constructor(result: CaseResult) {
    const failed = result.checks.filter((check) => !check.pass);
    const lines = failed.map(
      (check) =>
        `${checkName(check)}: relative L2 error ${check.relativeL2.toExponential(2)}, bound ${check.bound.toExponential(2)} (${check.reason})`,
    );
    super([`case "${result.name}" failed`, ...(result.error ? [String(result.error)] : lines)].join("\n"), { cause: result.error });
    this.result = result;
  }
}

/** Registers one test a case: outputs and gradients of `createBackend`'s backend against the float64 reference. */
export function conformance({ name, createBackend, createReference, skip = [], runner }: ConformanceOptions): void {
  const gaps = reasonOf(skip);
  runner.describe(`${name} conforms`, () => {
    let backend: Backend;
    let reference: Backend;
    runner.beforeAll(async () => {
      [backend, reference] = await Promise.all([createBackend(), createReference()]);
    });
    runner.afterAll(async () => {
      await Promise.all([backend?.dispose(), reference?.dispose()]);
    });
    for (const one of conformanceCases) {
      const gap = gaps.get(one.name);
      const body = async (): Promise<void> => expectPass(await runConformanceCase(backend, reference, one));
      if (gap === undefined) runner.it(one.name, body);
      else runner.it.skip(`${one.name} (known gap: ${gap})`, body);
    }
    runner.it("parts of a buffer are its memory", () => checkParts(backend));
  });
}

/** Registers one test a differentiable case: gradients of a float64 backend against finite differences of its own outputs. */
export function finiteDifferenceConformance({
  name,
  createBackend,
  runner,
}: Pick<ConformanceOptions, "name" | "createBackend" | "runner">): void {
  runner.describe(`${name} gradients equal finite differences`, () => {
    let backend: Backend;
    runner.beforeAll(async () => {
      backend = await createBackend();
    });
    runner.afterAll(async () => {
      await backend?.dispose();
    });
    for (const one of differentiableCases) {
      runner.it(one.name, async () => expectPass(await runFiniteDifferences(backend, one)));
    }
  });
}

function expectPass(result: CaseResult): void {
  if (!result.pass) throw new ConformanceError(result);
}

function reasonOf(skip: readonly KnownGap[]): ReadonlyMap<string, string> {
  const known = new Set(conformanceCases.map((one) => one.name));
  const gaps = new Map<string, string>();
  for (const { reason, cases } of skip) {
    for (const name of cases) {
      if (!known.has(name)) throw new RangeError(`conformance: no case is named "${name}", so it cannot be skipped`);
      gaps.set(name, reason);
    }
  }
  return gaps;
}
