import type { ModelConfig } from "../config.ts";
import type { ParameterSpec } from "./family.ts";

/** A linear layer's weight [out, in]. */
export function linear(module: string, out: number, input: number): ParameterSpec {
  return { name: `${module}.weight`, shape: [out, input], kind: "linear" };
}

/** A linear layer's weight and its bias. */
export function linearWithBias(module: string, out: number, input: number): readonly ParameterSpec[] {
  return [linear(module, out, input), { name: `${module}.bias`, shape: [out], kind: "bias" }];
}

/** A linear layer's weight, and its bias where `biased`. */
export function projection(module: string, out: number, input: number, biased: boolean): readonly ParameterSpec[] {
  return biased ? linearWithBias(module, out, input) : [linear(module, out, input)];
}

export function norm(module: string, width: number): ParameterSpec {
  return { name: `${module}.weight`, shape: [width], kind: "norm" };
}

/** A layer norm's weight and bias. */
export function layerNormParameters(module: string, width: number): readonly ParameterSpec[] {
  return [norm(module, width), { name: `${module}.bias`, shape: [width], kind: "bias" }];
}

export function embeddingTable(name: string, rows: number, width: number): ParameterSpec {
  return { name: `${name}.weight`, shape: [rows, width], kind: "embedding" };
}

/** The output head [vocab, hidden]; nothing when it is tied to the embeddings. */
export function outputHead(module: string, config: ModelConfig): readonly ParameterSpec[] {
  return config.tiedEmbeddings ? [] : [{ name: `${module}.weight`, shape: [config.vocabSize, config.hiddenSize], kind: "head" }];
}
