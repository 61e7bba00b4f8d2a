import type { Backend } from "../backend.ts";
import { conformanceCases } from "./cases/index.ts";
import { numbersOf, type ConformanceCase } from "./conformanceCase.ts";
import { recordCase, type Check, type RecordedCase } from "./recordCase.ts";
import { poisoned, prepareCase } from "./runCase.ts";
import { boundOf, relativeL2, UNIT_ROUNDOFF } from "./tolerance.ts";

/** How far one tensor of a case was from what was expected. */
export interface CheckResult {
  readonly tensor: string;
  readonly kind: "output" | "gradient" | "repeat" | "finite difference";
  readonly relativeL2: number;
  readonly bound: number;
  readonly reason: string;
  readonly pass: boolean;
}

export interface CaseResult {
  readonly name: string;
  readonly pass: boolean;
  /** The check that used most of its bound; undefined when the case could not run. */
  readonly worst: CheckResult | undefined;
  readonly checks: readonly CheckResult[];
  /** What `compile`, `run` or `download` threw. */
  readonly error: unknown;
}

export interface RunConformanceOptions {
  /** Which cases to run; all of them by default. */
  readonly cases?: readonly ConformanceCase[];
  /** Called after each case, to show progress. */
  readonly onResult?: (result: CaseResult) => void;
}

/**
 * Runs every case on `backend` and compares it with `reference`, a backend whose `capabilities.float64` is true.
 * Never throws for a fault of the tested backend: it is in the results.
 * @throws TypeError when the reference does not compute in float64.
 */
export async function runConformance(
  backend: Backend,
  reference: Backend,
  options: RunConformanceOptions = {},
): Promise<readonly CaseResult[]> {
  const { cases = conformanceCases, onResult } = options;
  const results: CaseResult[] = [];
  for (const conformanceCase of cases) {
    const result = await runConformanceCase(backend, reference, conformanceCase);
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/** Runs one case; see `runConformance`. */
export async function runConformanceCase(backend: Backend, reference: Backend, conformanceCase: ConformanceCase): Promise<CaseResult> {
  if (!reference.capabilities.float64) {
    throw new TypeError(
      `conformance: the reference must compute in float64, ${reference.capabilities.backend} (${reference.capabilities.adapter}) does not`,
    );
  }
  const recorded = recordCase(conformanceCase);
  const expected = await expectedValues(reference, conformanceCase, recorded);
  try {
    return caseResult(recorded.name, await compare(backend, recorded, expected));
  } catch (error) {
    return { name: recorded.name, pass: false, worst: undefined, checks: [], error };
  }
}

async function expectedValues(
  reference: Backend,
  conformanceCase: ConformanceCase,
  recorded: RecordedCase,
): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const prepared = await prepareCase(reference, recorded);
  const expected = new Map(
    await prepared.run(
      recorded.data,
      recorded.checks.map((check) => check.tensor),
    ),
  );
  prepared.free();
  const computed = conformanceCase.oracle?.(new Map([...recorded.data].map(([name, values]) => [name, numbersOf(values)]))) ?? [];
  const outputs = recorded.checks.filter((check) => check.kind === "output");
  computed.forEach((values, index) => expected.set(outputs[index]!.tensor, values));
  return expected;
}

async function compare(backend: Backend, recorded: RecordedCase, expected: ReadonlyMap<string, ArrayLike<number>>): Promise<CheckResult[]> {
  const names = recorded.checks.map((check) => check.tensor);
  const prepared = await prepareCase(backend, recorded);
  try {
    await prepared.run(poisoned(recorded.data), []);
    const first = await prepared.run(recorded.data, names);
    const results = recorded.checks.map((check) =>
      compareTensor(
        check,
        first.get(check.tensor)!,
        expected.get(check.tensor)!,
        recorded.data.get(check.tensor)!,
        backend.capabilities.productRoundoff,
      ),
    );
    if (!backend.capabilities.deterministic) return results;
    const second = await prepared.run(recorded.data, names);
    return [...results, ...names.map((name) => compareBits(name, second.get(name)!, first.get(name)!))];
  } finally {
    prepared.free();
  }
}

/** Gradients are compared without what the tensor held before; the addition to it rounds once more. */
function compareTensor(
  check: Check,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  start: ArrayLike<number>,
  productRoundoff?: number,
): CheckResult {
  const bound = boundOf(check.tolerance, productRoundoff);
  const { tolerance, kind, tensor } = check;
  if (kind === "output") {
    const error = relativeL2(numbersOf(actual), numbersOf(expected), tolerance.floor);
    return checkResult(tensor, kind, error, bound, tolerance.reason);
  }
  const without = (values: ArrayLike<number>): Float64Array => Float64Array.from(values, (value, index) => value - start[index]!);
  const gradient = without(expected);
  const size = Math.max(norm(gradient), tolerance.floor * Math.sqrt(gradient.length));
  const addition = size === 0 ? 0 : (UNIT_ROUNDOFF * norm(expected)) / size;
  return checkResult(tensor, kind, relativeL2(without(actual), gradient, tolerance.floor), bound + addition, tolerance.reason);
}

function compareBits(tensor: string, second: ArrayLike<number>, first: ArrayLike<number>): CheckResult {
  const differs = Array.from(first).some((value, index) => !Object.is(value, second[index]));
  return checkResult(tensor, "repeat", differs ? Infinity : 0, 0, "a deterministic backend gives the same bits in every run");
}

export function checkResult(tensor: string, kind: CheckResult["kind"], error: number, bound: number, reason: string): CheckResult {
  return { tensor, kind, relativeL2: error, bound, reason, pass: error <= bound };
}

export function caseResult(name: string, checks: readonly CheckResult[]): CaseResult {
  const used = (check: CheckResult): number => (check.relativeL2 === 0 ? 0 : check.relativeL2 / check.bound);
  const worst = checks.reduce<CheckResult | undefined>((most, check) => (most && used(most) >= used(check) ? most : check), undefined);
  return { name, pass: checks.every((check) => check.pass), worst, checks, error: undefined };
}

/** One line for a terminal: verdict, largest error against its bound, case and tensor. */
export function describeResult({ name, pass, worst, error }: CaseResult): string {
  const verdict = pass ? "pass" : "FAIL";
  if (!worst) return `${verdict}  ${name}: ${error instanceof Error ? error.message : String(error)}`;
  return `${verdict}  ${worst.relativeL2.toExponential(1)} of ${worst.bound.toExponential(1)}  ${name} (${checkName(worst)})`;
}

/** "gradient of w", "output y": what a check looked at. */
export function checkName({ kind, tensor }: CheckResult): string {
  return kind === "gradient" ? tensor : `${kind} ${tensor}`;
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! ** 2;
  return Math.sqrt(sum);
}
