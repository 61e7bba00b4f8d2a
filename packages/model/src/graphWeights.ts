import { cast, dequantizeNf4, matmul, scale, type Value } from "@sft/kernels";
import type { LoraModule } from "./adapters/lora.ts";
import type { ParameterSpec } from "./families/family.ts";
import { ModelError } from "./errors.ts";
import type { GraphOptions } from "./graphOptions.ts";
import { nf4Parts } from "./nf4Parts.ts";

/** A weight, and the factor that brings what is computed with it to its size: 1 but for float16 weights that carry a scale. */
export interface ScaledWeight {
  readonly weight: Value;
  readonly alpha: number;
}

/** A model's weights as a graph reads them, in whatever form they lie and with what an adapter puts beside or over them. */
export class GraphWeights {
  private readonly options: GraphOptions;
  private readonly specs: ReadonlyMap<string, ParameterSpec>;

  constructor(options: GraphOptions) {
    this.options = options;
    this.specs = new Map(options.parameters.map((parameter) => [parameter.name, parameter]));
  }

  spec(name: string): ParameterSpec | undefined {
    return this.specs.get(name);
  }

  /** A parameter by its name in the checkpoint; its copy where the adapter has one. */
  parameter(name: string): Value {
    const spec = this.options.adapter?.copies.get(name) ?? this.specs.get(name);
    if (!spec) throw new ModelError("missing-tensor", `the family declares no parameter ${name}`);
    const shape = this.shapeOf(spec);
    const dtype = this.options.halves.has(spec.name) ? "f16" : "f32";
    return this.options.tape.parameter(spec.name, shape, this.options.trainable(spec.name), dtype);
  }

  /** What a product with a parameter as `parameter` gives it is to be multiplied with. */
  scaleOf(name: string): number {
    return (this.options.adapter?.copies.has(name) ? undefined : this.options.halves.get(name)) ?? 1;
  }

  /** A parameter in float32, whatever it lies in. */
  inFloat32(name: string): Value {
    const parameter = this.parameter(name);
    if (parameter.dtype === "f32") return parameter;
    const wide = this.options.tape.apply(cast, [parameter], { dtype: "f32" })[0]!;
    const factor = this.scaleOf(name);
    return factor === 1 ? wide : this.options.tape.apply(scale, [wide], { factor })[0]!;
  }

  /** A linear layer's weight: its float16 copy where it has one; one in 4 bits is unpacked. */
  linear(name: string): Value {
    const copy = this.halfCopy(name);
    if (copy) return copy;
    if (!this.options.quantised.has(name)) return this.parameter(name);
    const [rows, columns] = this.specs.get(name)!.shape as [number, number];
    const parts = nf4Parts(name, rows * columns).map((part) => this.options.tape.parameter(part.name, part.shape, false, part.dtype));
    return this.options.tape.apply(dequantizeNf4, parts, { rows, columns })[0]!;
  }

  /** The pair of a module, where the adapter has one. */
  pair(module: string): LoraModule | undefined {
    return this.options.adapter?.modules.get(module);
  }

  /** One of the adapter's own parameters. */
  ofAdapter({ name, shape }: ParameterSpec): Value {
    return this.options.tape.parameter(name, shape, this.options.trainable(name));
  }

  /** The output head's weight [vocab, hidden], its pair added in, else its float16 copy where it has one: a tied table has it for the head alone. */
  head(name: string): ScaledWeight {
    const pair = this.specs.get(name)?.kind === "head" ? this.pair(moduleOf(name)) : undefined;
    if (pair) return this.withPair(name, [pair.b, pair.a], pair.scale, false);
    return { weight: this.halfCopy(name) ?? this.parameter(name), alpha: this.scaleOf(name) };
  }

  /** An embedding table [vocab, hidden], its pair added in. */
  table(name: string): ScaledWeight {
    const pair = this.pair(moduleOf(name));
    return pair ? this.withPair(name, [pair.a, pair.b], pair.scale, true) : { weight: this.parameter(name), alpha: this.scaleOf(name) };
  }

  private halfCopy(name: string): Value | undefined {
    const copy = this.options.halfCopies.get(name);
    if (copy === undefined) return undefined;
    return this.options.tape.parameter(copy, this.shapeOf(this.specs.get(name)!), this.options.trainable(name), "f16");
  }

  /** As it lies, which need not be as the checkpoint has it. */
  private shapeOf({ name, shape }: ParameterSpec): readonly number[] {
    return this.options.transposed.has(name) ? shape.toReversed() : shape;
  }

  private withPair(name: string, pair: readonly ParameterSpec[], alpha: number, transposed: boolean): ScaledWeight {
    const inputs = [...pair.map((one) => this.ofAdapter(one)), this.inFloat32(name)];
    return { weight: this.options.tape.apply(matmul, inputs, { transposeA: transposed, transposeB: transposed, alpha })[0]!, alpha: 1 };
  }
}

const moduleOf = (parameter: string): string => parameter.slice(0, -".weight".length);
