import { Tape, type Backend, type BackendBuffer, type Program, type Value, externalTensors, matmul, softcap } from "@sft/kernels";
import { attachLora } from "./adapters/attachLora.ts";
import { adapterParameters, type AdapterLayout, type LoraConfig } from "./adapters/lora.ts";
import type { ModelConfig } from "./config.ts";
import { ModelError } from "./errors.ts";
import { findFamily } from "./families/index.ts";
import type { ModelFamily, ParameterSpec } from "./families/family.ts";
import { Graph } from "./graph.ts";
import { reachOf, ropeNames, type AttentionMode, type TokenShape } from "./graphOptions.ts";
import { halfPredicate, readHalf, type LoadOptions } from "./loadOptions.ts";
import { gaussianFrom, randomWeights } from "./randomWeights.ts";
import { ropeTables, ropeVariant } from "./rope.ts";
import { storedNames } from "./storedNames.ts";
import { WeightBuffers } from "./weightBuffers.ts";

/** Which parameters training changes: all of the base, or the adapter's alone. */
export type TrainingMethod = "full" | "lora";

/** A recorded model: the tape, still open, and the final hidden states [batch * length, hidden], or those of the chosen rows. */
export interface RecordedForward {
  readonly tape: Tape;
  readonly graph: Graph;
  readonly hidden: Value;
}

/**
 * A language model whose weights lie in a backend's buffers. Programs are recorded from it, compiled against `bindings`
 * and run by the trainer, by evaluation and by generation alike.
 */
export class LanguageModel {
  readonly backend: Backend;
  readonly family: ModelFamily;
  readonly config: ModelConfig;
  /** The base model's parameters, in checkpoint order. */
  readonly parameters: readonly ParameterSpec[];
  /** Positions that the rope tables cover. */
  readonly positions: number;
  /** Every parameter's buffer by name, the adapter's included, and the rope tables. */
  readonly buffers: Map<string, BackendBuffer>;
  /** Names of the weights that lie in 4 bits; `buffers` holds their parts. */
  readonly quantised: ReadonlySet<string>;
  /** Scales of the weights that lie in float16, by name: the power of two that their elements are to be multiplied with, mostly 1. */
  readonly halves: ReadonlyMap<string, number>;
  adapter: AdapterLayout | undefined;
  /** Whether buffers are made and nothing is written to them. */
  private readonly empty: boolean;
  private readonly weights: WeightBuffers;

  private constructor(backend: Backend, family: ModelFamily, config: ModelConfig, positions: number, empty: boolean) {
    this.empty = empty;
    this.backend = backend;
    this.family = family;
    this.config = config;
    this.positions = positions;
    this.parameters = family.parameters(config);
    this.weights = new WeightBuffers(backend, this.parameters);
    ({ buffers: this.buffers, quantised: this.quantised, halves: this.halves } = this.weights);
  }

  /**
   * Loads a model: reads the config, checks that the checkpoint holds every parameter in its shape, uploads them one by one, so that
   * the host never holds more than one.
   * @throws ModelError "unknown-family", "bad-config", "unsupported-config", "missing-tensor", "wrong-shape", "out-of-memory" before
   * anything is read where the weights alone are more than the backend holds
   */
  static async load(options: LoadOptions): Promise<LanguageModel> {
    const { backend, config: raw, weights, positions, quantise, seed = 0, empty = false } = options;
    const family = findFamily(raw);
    const config = family.readConfig(raw);
    const limit = Object.keys(config.ropes).length > 0 ? Infinity : config.maxPositions;
    const model = new LanguageModel(backend, family, config, Math.min(positions ?? config.maxPositions, limit), empty);
    const stored = weights ? storedNames(model.parameters, family, weights) : undefined;
    const gaussian = gaussianFrom(seed);
    const isHalf = halfPredicate(options);
    for (const parameter of model.parameters) {
      if (quantise && (parameter.kind === "linear" || parameter.kind === "conv1d")) model.weights.quantised.add(parameter.name);
      else if (isHalf(parameter)) model.weights.halves.set(parameter.name, 1);
    }
    model.weights.expectRoom();
    for (const parameter of model.parameters) {
      if (empty) model.weights.allocate(parameter);
      else if (!weights) model.weights.set(parameter, randomWeights(parameter, raw, gaussian, model.halves.has(parameter.name)));
      else {
        const name = stored!.get(parameter.name)!;
        const half = model.halves.has(parameter.name) ? await readHalf(weights, name) : undefined;
        model.weights.set(parameter, half ?? (await weights.readFloat32(name)));
      }
    }
    return model;
  }

  /** Puts an adapter on: from given tensors, or with PEFT's initial values drawn with `seed`. */
  async attachLora(
    config: LoraConfig,
    options: { readonly tensors?: ReadonlyMap<string, Float32Array>; readonly seed?: number } = {},
  ): Promise<AdapterLayout> {
    this.adapter = await attachLora(this.weights, this.parameters, config, { ...options, empty: this.empty });
    return this.adapter;
  }

  /** The parameters that a method trains, in the model's order. */
  trainableParameters(method: TrainingMethod): readonly ParameterSpec[] {
    if (method === "full" && this.quantised.size > 0)
      throw new ModelError(
        "bad-lora",
        "weights in 4 bits cannot be trained themselves",
        "Train an adapter, or load the model without quantising it.",
      );
    if (method === "full") return this.parameters;
    if (!this.adapter) throw new ModelError("bad-lora", "training with LoRA needs an adapter: call attachLora first");
    return adapterParameters(this.adapter);
  }

  /**
   * Records the forward pass. Instead of each parameter in `halfCopies`, linear layers and the head read the float16 tensor that it names
   * there, which the caller keeps up to date, and which stands for the parameter in a following `backward`; embeddings are looked up in
   * the parameter itself.
   * With `method` it is a pass of training: dropout is active, and a following `backward` reaches the
   * method's parameters, or of them those in `trainable`. With `chosenRows` the hidden states are those of that many rows alone,
   * which the input "rows" names, none twice; a negative one gives a row that means nothing.
   */
  recordForward(
    name: string,
    options: {
      readonly shape: TokenShape;
      readonly attention?: AttentionMode;
      readonly method?: TrainingMethod;
      readonly trainable?: readonly ParameterSpec[];
      readonly halfCopies?: ReadonlyMap<string, string>;
      readonly embeddingNoise?: number;
      readonly chosenRows?: number | undefined;
    },
  ): RecordedForward {
    const reached = options.method ? (options.trainable ?? this.trainableParameters(options.method)) : [];
    const half = reached.find((parameter) => this.halves.has(parameter.name));
    if (half)
      throw new ModelError(
        "bad-lora",
        `${half.name} lies in float16, and cannot be trained itself`,
        "Train an adapter, or load the model with its weights in float32.",
      );
    const trainable = new Set(reached.map((parameter) => parameter.name));
    if (options.shape.length > this.positions) {
      throw new ModelError(
        "too-long",
        `a sequence of ${options.shape.length} tokens is longer than the model's ${this.positions} positions`,
        "Set sequence_len lower, or truncate the rows.",
      );
    }
    const attention = options.attention ?? { kind: "causal" };
    this.provideRopeTables(reachOf(options.shape, attention));
    const tape = new Tape(name);
    const graph = new Graph({
      tape,
      config: this.config,
      parameters: this.parameters,
      shape: options.shape,
      attention,
      ropePositions: this.positions,
      trainable: (parameter) => trainable.has(parameter),
      training: options.method !== undefined,
      embeddingNoise: options.embeddingNoise ?? 0,
      chosenRows: options.chosenRows,
      quantised: this.quantised,
      halves: this.halves,
      halfCopies: options.halfCopies ?? new Map(),
      transposed: this.weights.transposed,
      ...(this.adapter ? { adapter: this.adapter } : {}),
    });
    return { tape, graph, hidden: this.family.forward(graph) };
  }

  /** Records the logits [rows, vocab] of all final hidden states into output "logits". */
  recordLogits({ tape, graph, hidden }: RecordedForward): void {
    const { weight, alpha } = graph.head(this.family.headWeight(this.config));
    const output = tape.output("logits", [hidden.shape[0]!, this.config.vocabSize]);
    const cap = this.config.logitSoftcap;
    const [logits] = tape.apply(matmul, [hidden, weight], { transposeA: false, transposeB: true, alpha }, [cap === 0 ? output : undefined]);
    if (cap !== 0) tape.apply(softcap, [logits!], { cap }, [output]);
  }

  /** What tells programs for sequences that reach `reach` positions from others of their shape: the variants of the rope tables. */
  ropeVariant(reach: number): string {
    return Object.values(this.config.ropes)
      .map((spec) => ropeVariant(spec, reach))
      .join("");
  }

  /** Buffers for every external tensor of a program: the model's own, then `extra`, then new ones for what is left (returned in `made`). */
  bind(
    program: Program,
    extra: ReadonlyMap<string, BackendBuffer> = new Map(),
  ): { readonly bindings: Map<string, BackendBuffer>; readonly made: Map<string, BackendBuffer> } {
    const bindings = new Map<string, BackendBuffer>();
    const made = new Map<string, BackendBuffer>();
    for (const tensor of externalTensors(program)) {
      let buffer = extra.get(tensor.name) ?? this.buffers.get(tensor.name);
      if (!buffer) {
        buffer = this.backend.allocate(tensor);
        made.set(tensor.name, buffer);
      }
      bindings.set(tensor.name, buffer);
    }
    return { bindings, made };
  }

  /** Reads a parameter back; one in 4 bits or in float16 as what its bits stand for. @throws ModelError "missing-tensor" */
  download(name: string): Promise<Float32Array> {
    return this.weights.download(name);
  }

  /** Makes the tables that sequences of `length` positions need, where they are not there yet. */
  private provideRopeTables(length: number): void {
    for (const [table, spec] of Object.entries(this.config.ropes)) {
      const names = ropeNames(this.config, table, length);
      if (this.buffers.has(names.cos)) continue;
      const { cos, sin } = ropeTables(spec, this.positions, length);
      for (const [name, data] of [
        [names.cos, cos],
        [names.sin, sin],
      ] as const) {
        const buffer = this.backend.allocate({ shape: [this.positions, spec.rotaryDim / 2], dtype: "f32" });
        this.backend.upload(buffer, data);
        this.buffers.set(name, buffer);
      }
    }
  }
}
