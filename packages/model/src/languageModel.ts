import {
  byteLength,
  decodeHalf,
  elementCount,
  nf4Weight,
  pcgHash,
  quantizeNf4,
  type Nf4Tensor,
  Tape,
  type Backend,
  type BackendBuffer,
  type Program,
  type Value,
  externalTensors,
  matmul,
  gatherRows,
  softcap,
} from "@sft/kernels";
import { adapterParameters, initialLora, isModule, layoutLora, rowNorms, type AdapterLayout, type LoraConfig } from "./adapters/lora.ts";
import type { ModelConfig } from "./config.ts";
import { ModelError } from "./errors.ts";
import { findFamily } from "./families/index.ts";
import type { ModelFamily, ParameterSpec } from "./families/family.ts";
import { Graph, reachOf, ropeNames, type AttentionMode, type TokenShape } from "./graph.ts";
import { halfFromBfloat16, halfFromFloat32, type HalfWeight } from "./halfWeight.ts";
import { nf4Parts } from "./nf4Parts.ts";
import { ropeTables, ropeVariant } from "./rope.ts";
import { storedNames } from "./storedNames.ts";

/** Reads one tensor of a checkpoint; `tensors` says what is there. Structurally a checkpoint's TensorSource. */
export interface WeightSource {
  /** With its type as safetensors calls it, where `read` is to be asked. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype?: string }>;
  readFloat32(name: string): Promise<Float32Array>;
  /** The bytes as stored, in a buffer of their own: 16-bit floats are taken from here when the model holds them in 16 bits itself. */
  read?(name: string): Promise<Uint8Array>;
}

export interface LoadOptions {
  readonly backend: Backend;
  /** config.json as read. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Base weights; without them every weight is drawn from N(0, initializer_range) with `seed`, for benchmarks, and repeats within a large tensor. */
  readonly weights?: WeightSource;
  /**
   * Positions that the rope tables cover: the longest sequence that will ever run. Default: the model's own limit, beyond which
   * rope goes on as its scaling says; learned positions end there.
   */
  readonly positions?: number;
  /** "nf4" keeps the weights of linear layers in 4 bits (QLoRA): a base for adapters, that is not trained itself. */
  readonly quantise?: "nf4";
  /**
   * "float16" holds the base's matrices in float16: bit for bit where the checkpoint does, else rounded to nearest, with a power of
   * two as a scale where float16's range is too small. They cannot be trained; norms, biases and adapters stay float32. It costs a
   * product nothing on a backend whose `productRoundoff` is 2^-11. Default "float32".
   */
  readonly frozenWeights?: "float32" | "float16";
  /** Modules, by name or ending, whose weights stay float32 all the same: modules_to_save, whose copies start from them. */
  readonly float32Modules?: readonly string[];
  readonly seed?: number;
  /** Only allocate: no weight is read, drawn or uploaded. For planning memory. */
  readonly empty?: boolean;
}

/** Which parameters training changes: all of the base, or the adapter's alone. */
export type TrainingMethod = "full" | "lora";

/** A recorded model: the tape, still open, and the final hidden states [batch * length, hidden]. */
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
  readonly buffers: Map<string, BackendBuffer> = new Map();
  adapter: AdapterLayout | undefined;
  /** Names of the weights that lie [out, in] though the checkpoint has them [in, out]: DoRA needs the norms of their rows. */
  readonly transposed: Set<string> = new Set();
  /** Names of the weights that lie in 4 bits; `buffers` holds their parts. */
  readonly quantised: Set<string> = new Set();
  /** Scales of the weights that lie in float16, by name: the power of two that their elements are to be multiplied with, mostly 1. */
  readonly halves: Map<string, number> = new Map();

  /** Whether buffers are made and nothing is written to them. */
  private readonly empty: boolean;

  private constructor(backend: Backend, family: ModelFamily, config: ModelConfig, positions: number, empty: boolean) {
    this.empty = empty;
    this.backend = backend;
    this.family = family;
    this.config = config;
    this.positions = positions;
    this.parameters = family.parameters(config);
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
      if (quantise && (parameter.kind === "linear" || parameter.kind === "conv1d")) model.quantised.add(parameter.name);
      else if (isHalf(parameter)) model.halves.set(parameter.name, 1);
    }
    model.expectRoom();
    for (const parameter of model.parameters) {
      if (empty) model.allocateParameter(parameter);
      else if (!weights) model.setParameter(parameter, randomWeights(parameter, raw, gaussian, model.halves.has(parameter.name)));
      else {
        const name = stored!.get(parameter.name)!;
        const half = model.halves.has(parameter.name) ? await readHalf(weights, name) : undefined;
        model.setParameter(parameter, half ?? (await weights.readFloat32(name)));
      }
    }
    return model;
  }

  /** Puts an adapter on: from given tensors, or with PEFT's initial values drawn with `seed`. */
  async attachLora(
    config: LoraConfig,
    options: { readonly tensors?: ReadonlyMap<string, Float32Array>; readonly seed?: number } = {},
  ): Promise<AdapterLayout> {
    const layout = layoutLora(this.parameters, config);
    await this.transposeForDora(layout);
    if (this.empty) {
      for (const parameter of adapterParameters(layout)) this.allocateParameter(parameter);
      this.adapter = layout;
      return layout;
    }
    const values = options.tensors ?? (await this.initialAdapter(layout, options.seed ?? 0));
    for (const parameter of adapterParameters(layout)) {
      const data = values.get(parameter.name);
      if (!data)
        throw new ModelError(
          "missing-tensor",
          `the adapter has no tensor ${parameter.name}`,
          "It was made for another model, or for other target modules.",
        );
      const expected = elementCount(parameter.shape);
      if (data.length !== expected)
        throw new ModelError(
          "wrong-shape",
          `adapter tensor ${parameter.name} has ${data.length} elements, this model needs [${parameter.shape.join(", ")}]`,
          "The adapter was made for a base model of another size.",
        );
      this.setParameter(parameter, data);
    }
    this.adapter = layout;
    return layout;
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
   * Records the forward pass. With `method` it is one of training: dropout is active, and a following `backward` reaches the
   * method's parameters, or of them those in `trainable`.
   */
  recordForward(
    name: string,
    options: {
      readonly shape: TokenShape;
      readonly attention?: AttentionMode;
      readonly method?: TrainingMethod;
      readonly trainable?: readonly ParameterSpec[];
      readonly embeddingNoise?: number;
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
      quantised: this.quantised,
      halves: this.halves,
      transposed: this.transposed,
      ...(this.adapter ? { adapter: this.adapter } : {}),
    });
    return { tape, graph, hidden: this.family.forward(graph) };
  }

  /** Records logits [rows, vocab] for `rows` chosen hidden states (input "rows", indices) or for all of them, into output "logits". */
  recordLogits({ tape, graph, hidden }: RecordedForward, rows: number | "all"): void {
    const chosen = rows === "all" ? hidden : tape.apply(gatherRows, [hidden, tape.input("rows", [rows])], {})[0]!;
    const { weight, alpha } = graph.head(this.family.headWeight(this.config));
    const output = tape.output("logits", [chosen.shape[0]!, this.config.vocabSize]);
    const cap = this.config.logitSoftcap;
    const [logits] = tape.apply(matmul, [chosen, weight], { transposeA: false, transposeB: true, alpha }, [cap === 0 ? output : undefined]);
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

  /** Reads a parameter back; one in 4 bits or in float16 as what its bits stand for. */
  async download(name: string): Promise<Float32Array> {
    if (this.quantised.has(name)) return this.downloadQuantised(name);
    const buffer = this.buffers.get(name);
    if (!buffer) throw new ModelError("missing-tensor", `the model has no parameter ${name}`);
    const downloaded = await this.backend.download(buffer);
    const scale = this.halves.get(name) ?? 1;
    const data =
      downloaded instanceof Uint16Array
        ? Float32Array.from(downloaded, (bits) => scale * decodeHalf(bits))
        : downloaded instanceof Float32Array
          ? downloaded
          : Float32Array.from(downloaded);
    return this.transposed.has(name) ? transpose(data, this.parameters.find((one) => one.name === name)!.shape[1]!) : data;
  }

  /** Turns weights stored [in, out] that get a DoRA pair. */
  private async transposeForDora(layout: AdapterLayout): Promise<void> {
    for (const parameter of this.parameters) {
      const module = parameter.name.slice(0, -".weight".length);
      if (parameter.kind !== "conv1d" || !layout.modules.get(module)?.magnitude || this.transposed.has(parameter.name)) continue;
      if (this.quantised.has(parameter.name))
        throw new ModelError(
          "bad-lora",
          `DoRA on ${module} needs the weight's rows, and its 4 bits are packed by columns`,
          "Use LoRA, or load the model without quantising it.",
        );
      if (!this.empty) this.setParameter(parameter, transpose(await this.download(parameter.name), parameter.shape[0]!));
      this.transposed.add(parameter.name);
    }
  }

  private async initialAdapter(layout: AdapterLayout, seed: number): Promise<ReadonlyMap<string, Float32Array>> {
    const values = new Map(initialLora(layout, randomFrom(seed)));
    for (const [module, { magnitude }] of layout.modules) {
      if (!magnitude) continue;
      const weight = `${module}.weight`;
      const [rows, data] = [magnitude.shape[0]!, await this.download(weight)];
      values.set(magnitude.name, rowNorms(this.transposed.has(weight) ? transpose(data, data.length / rows) : data, rows));
    }
    for (const [name, copy] of layout.copies) values.set(copy.name, await this.download(name));
    return values;
  }

  private nf4Buffers({ name, shape }: ParameterSpec): readonly (readonly [keyof Nf4Tensor, BackendBuffer])[] {
    return nf4Parts(name, elementCount(shape)).map((part) => {
      const buffer = this.buffers.get(part.name) ?? this.backend.allocate(part);
      this.buffers.set(part.name, buffer);
      return [part.part, buffer] as const;
    });
  }

  private async downloadQuantised(name: string): Promise<Float32Array> {
    const spec = this.parameters.find((parameter) => parameter.name === name)!;
    const parts: Partial<Record<keyof Nf4Tensor, ArrayLike<number>>> = {};
    for (const [part, buffer] of this.nf4Buffers(spec)) parts[part] = await this.backend.download(buffer);
    return Float32Array.from({ length: elementCount(spec.shape) }, (_, index) =>
      nf4Weight(parts as Record<keyof Nf4Tensor, ArrayLike<number>>, index),
    );
  }

  private setParameter(parameter: ParameterSpec, data: Float32Array | HalfWeight): void {
    if (this.quantised.has(parameter.name)) {
      const tensor = quantizeNf4(data as Float32Array);
      for (const [part, buffer] of this.nf4Buffers(parameter)) this.backend.upload(buffer, tensor[part]);
      return;
    }
    if (!this.halves.has(parameter.name)) return this.backend.upload(this.allocateParameter(parameter)!, data as Float32Array);
    const { bits, scale } = data instanceof Float32Array ? halfFromFloat32(data) : data;
    this.halves.set(parameter.name, scale);
    this.backend.upload(this.allocateParameter(parameter)!, bits);
  }

  private expectRoom(): void {
    const { backend, memoryBytes = Infinity } = this.backend.capabilities;
    const bytesOf = ({ name, shape }: ParameterSpec): number =>
      this.quantised.has(name)
        ? nf4Parts(name, elementCount(shape)).reduce((sum, part) => sum + byteLength(part), 0)
        : byteLength({ shape, dtype: this.halves.has(name) ? "f16" : "f32" });
    const needed = this.parameters.reduce((sum, parameter) => sum + bytesOf(parameter), 0);
    if (needed <= memoryBytes) return;
    const [have, need] = [memoryBytes, needed].map((bytes) => `${(bytes / 1e9).toFixed(2)} GB`);
    throw new ModelError(
      "out-of-memory",
      `the model's weights take ${need}, and the ${backend} backend holds ${have} with everything else`,
      "Train an adapter on frozen weights in float16 (frozen_weights: float16) or in 4 bits (load_in_4bit: true), or take a GPU.",
    );
  }

  /** The buffer of a parameter, made where it is not there; of one in 4 bits, its parts are. */
  private allocateParameter(parameter: ParameterSpec): BackendBuffer | undefined {
    if (this.quantised.has(parameter.name)) return void this.nf4Buffers(parameter);
    const dtype = this.halves.has(parameter.name) ? "f16" : "f32";
    const buffer = this.buffers.get(parameter.name) ?? this.backend.allocate({ shape: parameter.shape, dtype });
    this.buffers.set(parameter.name, buffer);
    return buffer;
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

/** Which weights are to lie in float16: the matrices that are not asked for in float32. */
function halfPredicate({ backend, frozenWeights = "float32", float32Modules = [] }: LoadOptions): (parameter: ParameterSpec) => boolean {
  if (frozenWeights === "float32") return () => false;
  if (!backend.capabilities.halfWeights)
    throw new ModelError(
      "unsupported-config",
      `${backend.capabilities.backend} (${backend.capabilities.adapter}) reads no weights in float16`,
      "Load the model with its weights in float32.",
    );
  return ({ name, shape }) =>
    shape.length === 2 && !float32Modules.some((module) => isModule(name.slice(0, name.lastIndexOf(".")), module));
}

/** A tensor of 16 bits in float16, without widening it first; undefined for others. */
async function readHalf(weights: WeightSource, name: string): Promise<HalfWeight | undefined> {
  const { dtype } = weights.tensors.get(name)!;
  if (!weights.read || (dtype !== "F16" && dtype !== "BF16")) return undefined;
  const bits = new Uint16Array((await weights.read(name)).buffer);
  return dtype === "F16" ? { bits, scale: 1 } : halfFromBfloat16(bits);
}

/** Numbers that are drawn for one tensor. Larger ones repeat them: a model of billions is there in seconds. */
const MOST_DRAWN = 1 << 18;

function randomWeights(
  parameter: ParameterSpec,
  raw: Readonly<Record<string, unknown>>,
  gaussian: () => number,
  half: boolean,
): Float32Array | HalfWeight {
  const count = elementCount(parameter.shape);
  if (parameter.kind === "norm") return new Float32Array(count).fill(1);
  if (parameter.kind === "bias") return new Float32Array(count);
  const deviation = typeof raw.initializer_range === "number" ? raw.initializer_range : 0.02;
  const drawn = Float32Array.from({ length: Math.min(count, MOST_DRAWN) }, () => gaussian() * deviation);
  if (!half) return repeated(drawn, new Float32Array(count));
  const { bits, scale } = halfFromFloat32(drawn);
  return { bits: repeated(bits, new Uint16Array(count)), scale };
}

/** Fills `whole` with `piece`, again and again. */
function repeated<T extends Float32Array | Uint16Array>(piece: T, whole: T): T {
  for (let start = 0; start < whole.length; start += piece.length) whole.set(piece.subarray(0, whole.length - start), start);
  return whole;
}

/** The transpose of a matrix of `rows` rows. */
function transpose(data: Float32Array, rows: number): Float32Array {
  const columns = data.length / rows;
  return Float32Array.from({ length: data.length }, (_, index) => data[(index % rows) * columns + Math.floor(index / rows)]!);
}

/** Uniform numbers in [0, 1): the PCG hash of a counter, so that a seed gives the same sequence everywhere. */
export function randomFrom(seed: number): () => number {
  const key = pcgHash(seed >>> 0);
  let counter = 0;
  return () => pcgHash((counter++ ^ key) >>> 0) / 4294967296;
}

/** Standard normal numbers by Box and Muller's transform. */
function gaussianFrom(seed: number): () => number {
  const random = randomFrom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
