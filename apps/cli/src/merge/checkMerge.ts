import { openModelFolder, type AdapterFolder, type ModelFolder } from "@sft/checkpoint";
import { pcgHash, type Backend } from "@sft/kernels";
import { attachSavedAdapter, LanguageModel, sequenceLogits } from "@sft/model";
import { boundsFor } from "../verify/verifyFolder.ts";
import { unitRoundoff, type SavedDType } from "./dtypes.ts";

/** How far a merged model's logits are from those of base and adapter, on fixed prompts. */
export interface MergeCheck {
  readonly maxAbsolute: number;
  /** ||merged - adapted|| / ||adapted|| over all logits. */
  readonly relativeL2: number;
  readonly bound: number;
  /** ||adapted - base|| / ||adapted||: what the adapter changes at all. */
  readonly adapterEffect: number;
  readonly pass: boolean;
}

const [promptCount, promptLength] = [4, 24];

/** The same token ids for every model of a vocabulary, spread over all of it. */
function fixedPrompts(vocabSize: number): Int32Array[] {
  return Array.from({ length: promptCount }, (_, prompt) =>
    Int32Array.from({ length: promptLength }, (__, index) => pcgHash(prompt * promptLength + index) % vocabSize),
  );
}

/**
 * Bound of the relative difference. Rounding moves each weight by at most `u` of itself, independently, so a layer's output
 * moves by about `u` of its norm; the 2L branches of the residual stream add as the square root of their number, and twice
 * that leaves room for what norms and softmax amplify. Below it the arithmetic itself shows, as in `sft verify`.
 */
export function mergeBound(dtype: SavedDType, layers: number, capabilities: Backend["capabilities"]): number {
  return Math.max(boundsFor(capabilities, layers).logits, 2 * unitRoundoff[dtype] * Math.sqrt(2 * layers));
}

/** Runs base, base with adapter, and merged model one after the other, so that one model is in memory at a time. */
export async function checkMerge(options: {
  readonly backend: Backend;
  readonly base: ModelFolder;
  readonly adapter: AdapterFolder;
  readonly merged: string;
  readonly dtype: SavedDType;
}): Promise<MergeCheck> {
  const { backend, base, adapter, dtype } = options;
  const load = (folder: ModelFolder): Promise<LanguageModel> =>
    LanguageModel.load({ backend, config: folder.config, weights: folder.tensors, positions: promptLength });
  const model = await load(base);
  const prompts = fixedPrompts(model.config.vocabSize);
  const plain = await sequenceLogits(model, prompts);
  await attachSavedAdapter(model, adapter);
  const adapted = await sequenceLogits(model, prompts);
  free(model);
  await using folder = await openModelFolder(options.merged);
  const merged = await load(folder);
  const logits = await sequenceLogits(merged, prompts);
  free(merged);

  const bound = mergeBound(dtype, model.config.layers, backend.capabilities);
  const difference = compare(logits, adapted);
  return { ...difference, bound, adapterEffect: compare(plain, adapted).relativeL2, pass: difference.relativeL2 <= bound };
}

/** NaN anywhere makes both figures Infinity, so that no comparison passes by accident. */
function compare(actual: Float32Array, expected: Float32Array): { readonly maxAbsolute: number; readonly relativeL2: number } {
  let [largest, squares, norm] = [0, 0, 0];
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs(actual[index]! - expected[index]!);
    if (Number.isNaN(difference)) return { maxAbsolute: Infinity, relativeL2: Infinity };
    largest = Math.max(largest, difference);
    squares += difference ** 2;
    norm += expected[index]! ** 2;
  }
  return { maxAbsolute: largest, relativeL2: Math.sqrt(squares / norm) };
}

function free(model: LanguageModel): void {
  for (const buffer of model.buffers.values()) model.backend.free(buffer);
  model.buffers.clear();
}
