import type { ConformanceCase } from "../conformanceCase.ts";
import { activationCases } from "./activation.ts";
import { attentionCases } from "./attention.ts";
import { biasCases } from "./bias.ts";
import { castCases } from "./cast.ts";
import { columnCases } from "./columns.ts";
import { crossEntropyCases } from "./crossEntropy.ts";
import { dropoutCases } from "./dropout.ts";
import { elementwiseCases } from "./elementwise.ts";
import { embeddingCases } from "./embedding.ts";
import { generationCases } from "./generation.ts";
import { matmulCases } from "./matmul.ts";
import { nf4Cases } from "./nf4.ts";
import { noiseCases } from "./noise.ts";
import { normalisationCases } from "./normalisation.ts";
import { optimiserCases } from "./optimiser.ts";
import { programCases } from "./programs.ts";
import { rowCases } from "./rows.ts";
import { ropeCases } from "./rope.ts";
import { updateCases } from "./updates.ts";

/** Every conformance case, single ops first. Names are unique. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...elementwiseCases,
  ...biasCases,
  ...castCases,
  ...columnCases,
  ...matmulCases,
  ...embeddingCases,
  ...rowCases,
  ...normalisationCases,
  ...activationCases,
  ...ropeCases,
  ...dropoutCases,
  ...noiseCases,
  ...nf4Cases,
  ...attentionCases,
  ...crossEntropyCases,
  ...generationCases,
  ...optimiserCases,
  ...updateCases,
  ...programCases,
];

/** Names of the cases with float16 tensors, for the known gaps of a backend that takes none (`capabilities.halfWeights`). */
export const halfCases: readonly string[] = conformanceCases
  .filter(({ name, tensors }) => tensors.some(({ dtype }) => dtype === "f16") || name.endsWith(" to f16"))
  .map(({ name }) => name);
