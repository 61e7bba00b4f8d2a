import { pcgHash } from "../ops/dropout.ts";

/** Seeded numbers for test data: the same seed gives the same values on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** An integer in [from, to). */
  integer(from: number, to: number): number;
  /** Magnitude uniform in [0.1, 1] with a random sign, representable in float32: never 0, so that nothing hides. */
  float(): number;
}

/** A counter run through the PCG hash. */
export function createRandom(seed: number): Random {
  let counter = pcgHash(seed);
  const uniform = (): number => {
    counter = (counter + 1) >>> 0;
    return pcgHash(counter) / 4294967296;
  };
  return {
    uniform,
    integer: (from, to) => from + Math.floor(uniform() * (to - from)),
    float: () => Math.fround((uniform() < 0.5 ? -1 : 1) * (0.1 + 0.9 * uniform())),
  };
}

/** A seed from a name, so that cases do not depend on their order. */
export function seedOf(name: string): number {
  let seed = 0;
  for (let index = 0; index < name.length; index++) seed = pcgHash((seed ^ name.charCodeAt(index)) >>> 0);
  return seed;
}
