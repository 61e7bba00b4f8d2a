import type { BackendBuffer, Executable } from "@sft/kernels";
import { padBatch, type ShiftedRow, type TokenBatch } from "@sft/mask";
import type { LanguageModel } from "@sft/model";
import { splitByLength } from "./batchSource.ts";
import { microBatchInputs, programKey, shapeOf, uploadInputs } from "./microBatch.ts";
import { evaluationProgram } from "./stepPrograms.ts";
import { turnOfEventLoop } from "./turnOfEventLoop.ts";

/** Loss over a held-out set. */
export interface EvaluationResult {
  /** sum(weight x cross-entropy) / sum(weight) over the whole set; NaN when nothing is supervised. */
  readonly loss: number;
  readonly supervisedTokens: number;
  readonly milliseconds: number;
}

export interface EvaluateOptions {
  /** Rows run at once. Default 16. */
  readonly batchSize?: number;
  /** Lengths are rounded up to a multiple of this. Default 16. */
  readonly multipleOf?: number;
  /** Looked at between batches. */
  readonly signal?: AbortSignal;
}

/**
 * Token-weighted loss of a set of examples. Nothing is shuffled and nothing is dropped.
 * @throws the signal's reason when it is aborted
 */
export async function evaluate(
  model: LanguageModel,
  examples: readonly ShiftedRow[],
  options: EvaluateOptions = {},
): Promise<EvaluationResult> {
  const { batchSize = 16, multipleOf = 16, signal } = options;
  const started = performance.now();
  const { backend } = model;
  const compiled = new Map<string, { readonly executable: Executable; readonly buffers: ReadonlyMap<string, BackendBuffer> }>();
  const sums: Promise<number>[] = [];
  let weightSum = 0;
  let supervisedTokens = 0;
  try {
    for (const rows of splitByLength(examples, batchSize)) {
      const batch: TokenBatch = padBatch(rows, { multipleOf });
      const shape = shapeOf(batch);
      const key = programKey(model, shape);
      let entry = compiled.get(key);
      if (!entry) {
        const program = evaluationProgram(model, shape);
        const { bindings, made } = model.bind(program);
        entry = { executable: await backend.compile(program, bindings), buffers: made };
        compiled.set(key, entry);
      }
      uploadInputs((buffer, data) => backend.upload(buffer, data), entry.buffers, microBatchInputs(batch, 1, entry.buffers));
      backend.run(entry.executable);
      sums.push(backend.download(entry.buffers.get("loss")!).then((data) => data[0]!));
      weightSum += batch.weightSum;
      supervisedTokens += batch.supervisedTokens;
      if (signal) await turnOfEventLoop();
      signal?.throwIfAborted();
    }
    const total = (await Promise.all(sums)).reduce((sum, value) => sum + value, 0);
    return { loss: total / weightSum, supervisedTokens, milliseconds: performance.now() - started };
  } finally {
    await Promise.allSettled(sums);
    for (const { executable, buffers } of compiled.values()) {
      backend.free(executable);
      for (const buffer of buffers.values()) backend.free(buffer);
    }
  }
}
