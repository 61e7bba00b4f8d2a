import { inputNames } from "./graphOptions.ts";
import type { LanguageModel } from "./languageModel.ts";

/**
 * Logits [sequences, longest, vocab] of whole sequences in one pass, the adapter's included. Shorter sequences are padded at
 * their end; what stands in the padding's rows means nothing.
 * @throws ModelError "too-long" for a sequence beyond the model's positions
 */
export async function sequenceLogits(model: LanguageModel, sequences: readonly ArrayLike<number>[]): Promise<Float32Array> {
  const { backend } = model;
  const length = Math.max(...sequences.map((sequence) => sequence.length));
  const recorded = model.recordForward("sequence-logits", { shape: { batch: sequences.length, length } });
  model.recordLogits(recorded);
  const program = recorded.tape.finish();
  const { bindings, made } = model.bind(program);
  const executable = await backend.compile(program, bindings);
  try {
    const inputs: Record<string, Int32Array> = {
      [inputNames.ids]: new Int32Array(sequences.length * length),
      [inputNames.segments]: new Int32Array(sequences.length * length),
      [inputNames.positions]: Int32Array.from({ length: sequences.length * length }, (_, index) => index % length),
    };
    sequences.forEach((sequence, index) => {
      inputs[inputNames.ids]!.set(sequence, index * length);
      inputs[inputNames.segments]!.fill(1, index * length, index * length + sequence.length);
    });
    for (const [name, data] of Object.entries(inputs)) {
      const buffer = made.get(name);
      if (buffer) backend.upload(buffer, data);
    }
    backend.run(executable);
    return Float32Array.from(await backend.download(made.get("logits")!));
  } finally {
    backend.free(executable);
    for (const buffer of made.values()) backend.free(buffer);
  }
}
