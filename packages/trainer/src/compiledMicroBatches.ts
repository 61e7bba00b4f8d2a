import type { BackendBuffer, Executable } from "@sft/kernels";
import type { TokenBatch } from "@sft/mask";
import type { LanguageModel } from "@sft/model";
import { programKey, shapeOf } from "./microBatch.ts";
import { microBatchProgram, type StepSettings } from "./stepPrograms.ts";

interface CompiledMicroBatch {
  readonly executable: Executable;
  readonly inputs: ReadonlyMap<string, BackendBuffer>;
}

/** Programs kept at once; the least recently used one goes first. */
const limit = 64;

/** Micro-batch programs by shape, compiled the first time that a shape comes. */
export class CompiledMicroBatches {
  private readonly model: LanguageModel;
  private readonly settings: StepSettings;
  private readonly state: ReadonlyMap<string, BackendBuffer>;
  private readonly compiled = new Map<string, CompiledMicroBatch>();

  /** `state` holds what the programs bind besides the model's parameters and their own inputs. */
  constructor(model: LanguageModel, settings: StepSettings, state: ReadonlyMap<string, BackendBuffer>) {
    this.model = model;
    this.settings = settings;
    this.state = state;
  }

  async get(batch: TokenBatch, place: "first" | "later"): Promise<CompiledMicroBatch> {
    const shape = shapeOf(batch);
    const key = `${place} ${programKey(this.model, shape)}`;
    const known = this.compiled.get(key);
    if (known) {
      this.compiled.delete(key);
      this.compiled.set(key, known);
      return known;
    }
    const program = microBatchProgram(this.model, this.settings, shape, place);
    const { bindings, made } = this.model.bind(program, this.state);
    const entry = { executable: await this.model.backend.compile(program, bindings), inputs: made };
    this.compiled.set(key, entry);
    if (this.compiled.size > limit) this.free(this.compiled.keys().next().value!);
    return entry;
  }

  dispose(): void {
    for (const key of this.compiled.keys()) this.free(key);
  }

  private free(key: string): void {
    const { executable, inputs } = this.compiled.get(key)!;
    this.compiled.delete(key);
    for (const resource of [executable, ...inputs.values()]) this.model.backend.free(resource);
  }
}
