import type { BackendBuffer, Executable } from "@sft/kernels";
import { ModelError } from "../errors.ts";
import { cacheNames, inputNames } from "../graphOptions.ts";
import type { LanguageModel } from "../languageModel.ts";
import { randomFrom } from "../randomWeights.ts";
import { sampleToken, type SamplingOptions } from "./sampling.ts";

export interface GenerateOptions extends SamplingOptions {
  /** Token ids that end a sequence; the one that did is the last id of the result. */
  readonly stopTokens: ReadonlySet<number>;
  readonly maxNewTokens: number;
  readonly seed?: number;
  /**
   * Divides the positive logits of tokens that the prompt or the answer already holds by this, and multiplies the negative
   * ones (Keskar et al. 2019, as transformers does). 1 changes nothing.
   */
  readonly repetitionPenalty?: number;
  /** Ends a sequence after the token that makes this true: stop strings live here, where the text is known. */
  readonly shouldStop?: (sequence: number, tokens: readonly number[]) => boolean;
  /** Called with each new token as it comes: sequence index, token id. */
  readonly onToken?: (sequence: number, token: number) => void;
  readonly signal?: AbortSignal;
}

/** What came of one prompt. */
export interface Generated {
  /** New tokens, the stop token included. */
  readonly tokens: readonly number[];
  /** "stop": a stop token came, or `shouldStop` said so; "length": maxNewTokens or the model's positions were used up. */
  readonly finish: "stop" | "length";
}

interface Pass {
  readonly executable: Executable;
  readonly buffers: ReadonlyMap<string, BackendBuffer>;
  readonly length: number;
}

/**
 * Continues a batch of prompts with a key/value cache: one program reads the prompts, another runs one token a sequence.
 * @throws ModelError "too-long" when a prompt leaves no position free, "token-out-of-range" for an id outside the vocabulary.
 */
export async function generate(
  model: LanguageModel,
  prompts: readonly ArrayLike<number>[],
  options: GenerateOptions,
): Promise<Generated[]> {
  checkPrompts(model, prompts);
  const batch = prompts.length;
  const longest = prompts.reduce((length, prompt) => Math.max(length, prompt.length), 1);
  const capacity = Math.min(model.positions, longest + options.maxNewTokens);
  const state = new Map<string, BackendBuffer>();
  const passes: Pass[] = [];
  try {
    const prefill = await compilePass(model, batch, longest, capacity, state);
    passes.push(prefill);
    const randoms = prompts.map((_, index) => randomFrom(((options.seed ?? 0) * 0x9e3779b1 + index) >>> 0));
    const lengths = new Int32Array(batch);
    let logits = await runPass(
      model,
      prefill,
      prompts.map((prompt) => Array.from(prompt)),
      lengths,
    );
    prompts.forEach((prompt, index) => (lengths[index] = prompt.length));

    const results = prompts.map(() => ({ tokens: [] as number[], finish: undefined as Generated["finish"] | undefined }));
    const seen = prompts.map((prompt) => new Set(Array.from(prompt)));
    let decode: Pass | undefined;
    for (;;) {
      results.forEach((result, index) => {
        if (result.finish) return;
        const row = logits.subarray(index * model.config.vocabSize, (index + 1) * model.config.vocabSize);
        penaliseRepetition(row, seen[index]!, options.repetitionPenalty ?? 1);
        const token = sampleToken(row, options, randoms[index]!);
        result.tokens.push(token);
        seen[index]!.add(token);
        options.onToken?.(index, token);
        if (options.stopTokens.has(token) || options.shouldStop?.(index, result.tokens)) result.finish = "stop";
        else if (result.tokens.length >= options.maxNewTokens || lengths[index]! >= capacity) result.finish = "length";
      });
      if (results.every((result) => result.finish) || options.signal?.aborted) break;
      if (!decode) passes.push((decode = await compilePass(model, batch, 1, capacity, state)));
      // A finished sequence idles on row 0 of its own cache, so that it never writes past its end.
      const cursors = lengths.map((length, index) => (results[index]!.finish ? 0 : length));
      logits = await runPass(
        model,
        decode,
        results.map((result) => [result.finish ? 0 : result.tokens.at(-1)!]),
        cursors,
      );
      results.forEach((result, index) => {
        if (!result.finish) lengths[index]!++;
      });
    }
    return results.map(({ tokens, finish }) => ({ tokens, finish: finish ?? "length" }));
  } finally {
    for (const pass of passes) {
      model.backend.free(pass.executable);
      for (const buffer of pass.buffers.values()) model.backend.free(buffer);
    }
    for (const buffer of state.values()) model.backend.free(buffer);
  }
}

/** Makes tokens that were there before less likely, in place. */
function penaliseRepetition(logits: Float32Array, seen: ReadonlySet<number>, penalty: number): void {
  if (penalty === 1) return;
  for (const token of seen) logits[token] = logits[token]! > 0 ? logits[token]! / penalty : logits[token]! * penalty;
}

function checkPrompts(model: LanguageModel, prompts: readonly ArrayLike<number>[]): void {
  prompts.forEach((prompt, index) => {
    if (prompt.length === 0) throw new ModelError("token-out-of-range", `prompt ${index} is empty: there is no token to continue`);
    if (prompt.length >= model.positions) {
      throw new ModelError(
        "too-long",
        `prompt ${index} has ${prompt.length} tokens and the model ${model.positions} positions: none is left for an answer`,
      );
    }
    for (let position = 0; position < prompt.length; position++) {
      const id = prompt[position]!;
      if (!(id >= 0 && id < model.config.vocabSize)) {
        throw new ModelError(
          "token-out-of-range",
          `prompt ${index}, token ${position}: id ${id} is outside the model's vocabulary of ${model.config.vocabSize}`,
          "The tokenizer does not belong to this model.",
        );
      }
    }
  });
}

/** Compiles a pass of `length` tokens a sequence; the caches are made by the first pass and shared through `state`. */
async function compilePass(
  model: LanguageModel,
  batch: number,
  length: number,
  capacity: number,
  state: Map<string, BackendBuffer>,
): Promise<Pass> {
  const recorded = model.recordForward(length === 1 ? "decode" : "prefill", {
    shape: { batch, length },
    attention: { kind: "cache", capacity },
    chosenRows: length === 1 ? undefined : batch,
  });
  model.recordLogits(recorded);
  const program = recorded.tape.finish();
  const { bindings, made } = model.bind(program, state);
  const buffers = new Map(made);
  for (let layer = 0; layer < model.config.layers; layer++) {
    for (const name of Object.values(cacheNames(layer))) {
      const cache = made.get(name);
      if (cache) state.set(name, cache);
      buffers.delete(name);
    }
  }
  return { executable: await model.backend.compile(program, bindings), buffers, length };
}

/** Runs one pass over each sequence's new tokens and gives the logits [batch, vocab] after its last one. */
async function runPass(
  model: LanguageModel,
  pass: Pass,
  tokens: readonly (readonly number[])[],
  lengths: Int32Array,
): Promise<Float32Array> {
  const { length } = pass;
  const ids = new Int32Array(tokens.length * length);
  const positions = new Int32Array(ids.length);
  const rows = new Int32Array(tokens.length);
  tokens.forEach((sequence, index) => {
    ids.set(sequence, index * length);
    rows[index] = index * length + sequence.length - 1;
    for (let offset = 0; offset < length; offset++)
      positions[index * length + offset] = Math.min(lengths[index]! + offset, model.positions - 1);
  });
  const upload = (name: string, data: Int32Array): void => {
    const buffer = pass.buffers.get(name);
    if (buffer) model.backend.upload(buffer, data);
  };
  upload(inputNames.ids, ids);
  upload(inputNames.positions, positions);
  upload(inputNames.lengths, lengths);
  upload(inputNames.rows, rows);
  model.backend.run(pass.executable);
  return Float32Array.from(await model.backend.download(pass.buffers.get("logits")!));
}
