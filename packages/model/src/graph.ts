import {
  activation,
  addBias,
  addNoise,
  divide,
  dropout,
  embedding,
  gatedActivation,
  gatherRows,
  layerNorm,
  matmul,
  reshape,
  rmsNorm,
  rope,
  rowNorm,
  scale,
  scaleColumns,
  sliceColumns,
  type Tape,
  type Value,
} from "@sft/kernels";
import type { LoraModule } from "./adapters/lora.ts";
import { attend } from "./attend.ts";
import type { ModelConfig } from "./config.ts";
import { inputNames, reachOf, ropeNames, type GraphOptions, type TokenShape } from "./graphOptions.ts";
import { GraphWeights, type ScaledWeight } from "./graphWeights.ts";

/** Apart from the salts of dropouts, which count up from 0. */
const NOISE_SALT = 0x6e6f6973;

/**
 * The words in which a family's forward function is written: each method records ops on the tape and knows where
 * parameters, adapters and the cache come from, so that one forward function serves training, evaluation and generation.
 */
export class Graph {
  readonly tape: Tape;
  readonly config: ModelConfig;
  readonly shape: TokenShape;
  private readonly options: GraphOptions;
  private readonly weights: GraphWeights;
  private dropouts = 0;

  constructor(options: GraphOptions) {
    this.options = options;
    this.tape = options.tape;
    this.config = options.config;
    this.shape = options.shape;
    this.weights = new GraphWeights(options);
  }

  get rows(): number {
    return this.shape.batch * this.shape.length;
  }

  /** Records one layer; its activations can be recomputed as a whole in the backward pass. */
  layer(index: number, record: () => Value): Value {
    return this.tape.inSection(`block.${index}`, record);
  }

  /** A parameter by its name in the checkpoint; its copy where the adapter has one. */
  parameter(name: string): Value {
    return this.weights.parameter(name);
  }

  hasParameter(name: string): boolean {
    return this.weights.spec(name) !== undefined;
  }

  /** Token embeddings [N, hidden] of the ids input. */
  embed(name: string): Value {
    const embedded = this.lookUp(name, inputNames.ids, inputNames.order);
    if (this.options.embeddingNoise === 0) return embedded;
    const amplitude = this.options.embeddingNoise / Math.sqrt(this.shape.length * this.config.hiddenSize);
    return this.tape.apply(addNoise, [embedded, this.tape.input(inputNames.dropoutSeed, [1])], { amplitude, salt: NOISE_SALT })[0]!;
  }

  /** Learned position embeddings [N, hidden] of the positions input. */
  embedPositions(name: string): Value {
    return this.lookUp(name, inputNames.positions, inputNames.positionOrder);
  }

  private lookUp(name: string, index: string, order: string): Value {
    const { weight, alpha } = this.weights.table(name);
    const rows = this.tape.input(index, [this.rows]);
    const inputs = weight.requiresGradient ? [weight, rows, this.tape.input(order, [this.rows])] : [weight, rows];
    const found = this.tape.apply(embedding, inputs, {})[0]!;
    return alpha === 1 ? found : this.scale(found, alpha);
  }

  /**
   * The output head's weight [vocab, hidden] as the loss reads it, its pair added in, and the factor of its logits; a tied head reads
   * the embeddings without theirs.
   */
  head(name: string): ScaledWeight {
    return this.weights.head(name);
  }

  /** x · W^T (+ bias) (+ addend) for the linear layer `module`, with its LoRA pair when the adapter has one. */
  linear(x: Value, module: string, addend?: Value): Value {
    const weight = this.weights.linear(`${module}.weight`);
    // GPT-2's Conv1D stores its weight [in, out].
    const transposeB = this.weights.spec(`${module}.weight`)!.kind !== "conv1d";
    const lora = this.weights.pair(module);
    if (lora?.magnitude) return this.doraLinear(x, module, lora, addend);
    let y = this.tape.apply(matmul, addend ? [x, weight, addend] : [x, weight], {
      transposeA: false,
      transposeB,
      alpha: this.weights.scaleOf(`${module}.weight`),
    })[0]!;
    if (this.hasParameter(`${module}.bias`)) y = this.tape.apply(addBias, [y, this.parameter(`${module}.bias`)], {})[0]!;
    if (!lora) return y;
    const [a, b] = [this.weights.ofAdapter(lora.a), this.weights.ofAdapter(lora.b)];
    const low = this.tape.apply(matmul, [this.adapterDropout(x), a], { transposeA: false, transposeB: true, alpha: 1 })[0]!;
    return this.tape.apply(matmul, [low, b, y], { transposeA: false, transposeB: true, alpha: lora.scale })[0]!;
  }

  rmsNorm(x: Value, name: string, weightOffset = 0): Value {
    return this.tape.apply(rmsNorm, [x, this.parameter(name)], { epsilon: this.config.normEpsilon, weightOffset })[0]!;
  }

  layerNorm(x: Value, module: string): Value {
    const inputs = [x, this.parameter(`${module}.weight`), this.parameter(`${module}.bias`)];
    return this.tape.apply(layerNorm, inputs, { epsilon: this.config.normEpsilon })[0]!;
  }

  /** Rotates queries or keys by their positions, with a rope table of the config. */
  rope(x: Value, table: string = "default"): Value {
    const { rotaryDim } = this.config.ropes[table]!;
    const names = ropeNames(this.config, table, reachOf(this.shape, this.options.attention));
    const shape = [this.options.ropePositions, rotaryDim / 2];
    const inputs = [
      x,
      this.tape.input(inputNames.positions, [this.rows]),
      this.tape.input(names.cos, shape, "f32"),
      this.tape.input(names.sin, shape, "f32"),
    ];
    return this.tape.apply(rope, inputs, { headDim: this.config.headDim, rotaryDim, inverse: false })[0]!;
  }

  /**
   * Causal attention of one layer, and the residual stream x with which the layer goes on. Nothing mixes rows after the last layer's
   * attention, so that both hold the chosen rows alone from there on. Dropout there draws by place among these: other bits than over all
   * rows, of the same distribution.
   */
  attend(layer: number, q: Value, k: Value, v: Value, x: Value): readonly [attended: Value, x: Value] {
    const attended = attend(this.options, layer, q, k, v);
    const { chosenRows } = this.options;
    if (chosenRows === undefined || layer < this.config.layers - 1) return [attended, x];
    const rows = this.tape.input(inputNames.rows, [chosenRows]);
    return [attended, x].map((all) => this.tape.apply(gatherRows, [all, rows], {})[0]!) as [Value, Value];
  }

  /** The model's activation of the gate, times the other branch. */
  gated(gate: Value, up: Value): Value {
    return this.tape.apply(gatedActivation, [gate, up], { kind: this.config.activation })[0]!;
  }

  /** The model's activation. */
  activation(x: Value): Value {
    return this.tape.apply(activation, [x], { kind: this.config.activation })[0]!;
  }

  add(a: Value, b: Value): Value {
    return this.tape.add(a, b);
  }

  scale(x: Value, factor: number): Value {
    return this.tape.apply(scale, [x], { factor })[0]!;
  }

  /** Columns start .. start+width-1: one part of a fused projection. */
  columns(x: Value, start: number, width: number): Value {
    return this.tape.apply(sliceColumns, [x], { start, width })[0]!;
  }

  /** The same elements as `rows` rows. */
  reshape(x: Value, rows: number): Value {
    return this.tape.apply(reshape, [x], { rows })[0]!;
  }

  /** The pair's product is scaled row by row; the weight norm is computed from detached values, as PEFT does. The weight lies [out, in]. */
  private doraLinear(x: Value, module: string, lora: LoraModule, addend: Value | undefined): Value {
    const [weight, alpha] = [this.weights.linear(`${module}.weight`), this.weights.scaleOf(`${module}.weight`)];
    const added = weight.dtype === "f32" ? weight : this.weights.inFloat32(`${module}.weight`);
    const [a, b, magnitude] = [this.weights.ofAdapter(lora.a), this.weights.ofAdapter(lora.b), this.weights.ofAdapter(lora.magnitude!)];
    const nt = { transposeA: false, transposeB: true };
    const merged = this.tape.apply(matmul, [b, a, added], { transposeA: false, transposeB: false, alpha: lora.scale })[0]!;
    const norm = this.tape.apply(rowNorm, [merged], {})[0]!;
    const factors = this.tape.apply(divide, [magnitude, norm], {})[0]!;
    const base = this.tape.apply(matmul, [x, weight], { ...nt, alpha })[0]!;
    const low = this.tape.apply(matmul, [this.adapterDropout(x), a], { ...nt, alpha: 1 })[0]!;
    const sum = this.tape.apply(matmul, [low, b, base], { ...nt, alpha: lora.scale })[0]!;
    let y = this.tape.apply(scaleColumns, [sum, factors], {})[0]!;
    if (this.hasParameter(`${module}.bias`)) y = this.tape.apply(addBias, [y, this.parameter(`${module}.bias`)], {})[0]!;
    return addend ? this.tape.add(y, addend) : y;
  }

  private adapterDropout(x: Value): Value {
    const probability = this.options.adapter?.dropout ?? 0;
    if (!this.options.training || probability === 0) return x;
    const seed = this.tape.input(inputNames.dropoutSeed, [1]);
    return this.tape.apply(dropout, [x, seed], { probability, salt: this.dropouts++ })[0]!;
  }
}
