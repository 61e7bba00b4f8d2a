import type { Backend } from "../backend.ts";
import { conformanceCases } from "./cases/index.ts";
import type { CaseValues, ConformanceCase } from "./conformanceCase.ts";
import { createRandom, seedOf, type Random } from "./random.ts";
import { gradientName, recordCase, type RecordedCase } from "./recordCase.ts";
import { prepareCase, type PreparedCase } from "./runCase.ts";
import { caseResult, checkResult, type CaseResult } from "./runConformance.ts";

/** Step of the difference quotient: step^4 / 30 = 3e-16 is its truncation error per unit of fifth derivative, 1e-16 / step = 3e-13 its rounding. */
const STEP = 3e-4;
/** Room for sums of 1e4 times a derivative, and for fifth derivatives 1e7 times the first, as under sharp softmax scores. */
const BOUND = 1e-8;
const DIRECTIONS = 2;
const SINGLE_ELEMENTS = 4;

/** Cases that differentiate something. */
export const differentiableCases: readonly ConformanceCase[] = conformanceCases.filter((one) => one.gradients !== undefined);

/**
 * Compares the gradients of one case on a float64 backend with five-point central differences: along random directions
 * through each trainable tensor, and along single elements of it; one in float16 is too coarse for small steps and left out.
 * @throws TypeError when the backend does not compute in float64: differences of float32 values prove nothing.
 */
export async function runFiniteDifferences(backend: Backend, conformanceCase: ConformanceCase): Promise<CaseResult> {
  if (!backend.capabilities.float64) throw new TypeError(`finite differences: ${backend.capabilities.backend} does not compute in float64`);
  const recorded = recordCase(conformanceCase);
  const prepared = await prepareCase(backend, recorded);
  try {
    const gradients = await prepared.run(recorded.data, recorded.trainable.map(gradientName));
    const random = createRandom(seedOf(`${recorded.name} directions`));
    const checks = [];
    for (const name of recorded.trainable.filter((one) => !(recorded.data.get(one) instanceof Uint16Array))) {
      const start = recorded.data.get(gradientName(name))!;
      const gradient = Float64Array.from(gradients.get(gradientName(name))!, (value, index) => value - start[index]!);
      const error = await worstError(prepared, recorded, name, gradient, random);
      checks.push(checkResult(name, "finite difference", error, BOUND, "five-point central differences in float64"));
    }
    return caseResult(recorded.name, checks);
  } finally {
    prepared.free();
  }
}

async function worstError(
  prepared: PreparedCase,
  recorded: RecordedCase,
  name: string,
  gradient: Float64Array,
  random: Random,
): Promise<number> {
  let worst = 0;
  // A derivative is measured against the usual size of one along a direction of its length, so that a chance 0 is no trouble.
  const rms = Math.max(Math.sqrt(gradient.reduce((sum, value) => sum + value ** 2, 0) / gradient.length), 1e-3);
  for (const direction of directions(gradient.length, random)) {
    const length = Math.sqrt(direction.reduce((sum, value) => sum + value ** 2, 0));
    const along = async (steps: number): Promise<number> => scalarAt(prepared, recorded, name, direction, steps * STEP);
    const difference = (8 * ((await along(1)) - (await along(-1))) - ((await along(2)) - (await along(-2)))) / (12 * STEP);
    const derivative = gradient.reduce((sum, value, index) => sum + value * direction[index]!, 0);
    const error = Math.abs(difference - derivative) / Math.max(Math.abs(derivative), rms * length);
    worst = Number.isFinite(error) ? Math.max(worst, error) : Infinity;
  }
  return worst;
}

function directions(length: number, random: Random): Float64Array[] {
  const dense = Array.from({ length: DIRECTIONS }, () => Float64Array.from({ length }, () => random.float()));
  const single = Array.from({ length: Math.min(SINGLE_ELEMENTS, length) }, () => {
    const direction = new Float64Array(length);
    direction[random.integer(0, length)] = 1;
    return direction;
  });
  return [...dense, ...single];
}

/** sum(seed * output) with one tensor moved along a direction. */
async function scalarAt(
  prepared: PreparedCase,
  recorded: RecordedCase,
  name: string,
  direction: Float64Array,
  step: number,
): Promise<number> {
  const moved = (recorded.data.get(name)! as Float64Array).map((value, index) => value + step * direction[index]!);
  const data = new Map<string, CaseValues>([...recorded.data, [name, moved]]);
  const outputs = await prepared.run(
    data,
    recorded.seeds.map(([output]) => output),
  );
  return recorded.seeds.reduce((total, [output, seed]) => {
    const weights = recorded.data.get(seed)!;
    return total + Array.from(outputs.get(output)!).reduce((sum, value, index) => sum + value * weights[index]!, 0);
  }, 0);
}
