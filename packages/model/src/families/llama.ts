import type { Value } from "@sft/kernels";
import { readCommonConfig, type ModelConfig } from "../config.ts";
import type { Graph } from "../graph.ts";
import type { ModelFamily, ParameterSpec } from "./family.ts";
import { embeddingTable, norm, outputHead, projection } from "./parameterList.ts";

/** Llama 1 to 3: grouped queries, rotate-half rope, SwiGLU, RMS norms before each block, tied or separate head. */
export const llama: ModelFamily = {
  modelType: "llama",
  architecture: "LlamaForCausalLM",
  readConfig(raw) {
    return readCommonConfig(raw);
  },
  parameters: (config) => preNormParameters(config),
  headWeight: tiedOrOwnHead,
  forward: (graph) => preNormForward(graph),
};

/** What a relative of Llama does otherwise. */
export interface PreNormOptions {
  /** Biases on the q, k and v projections whatever the config says (Qwen 2). */
  readonly queryKeyValueBias?: boolean;
  /** RMS norms over each head of q and k before rope (Qwen 3). */
  readonly headNorms?: boolean;
  /** Layers that leave positions out (SmolLM 3). */
  readonly usesRope?: (layer: number) => boolean;
}

export function tiedOrOwnHead(config: ModelConfig): string {
  return config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
}

/** The decoder that Llama's relatives share: norm, attention, residual, norm, gated MLP, residual. */
export function preNormForward(graph: Graph, options: PreNormOptions = {}): Value {
  let x = graph.embed("model.embed_tokens.weight");
  for (let layer = 0; layer < graph.config.layers; layer++) x = graph.layer(layer, () => block(graph, x, layer, options));
  return graph.rmsNorm(x, "model.norm.weight");
}

function block(graph: Graph, x: Value, layer: number, options: PreNormOptions): Value {
  const name = `model.layers.${layer}`;
  const input = graph.rmsNorm(x, `${name}.input_layernorm.weight`);
  const project = (projection: "q" | "k"): Value => {
    const heads = graph.linear(input, `${name}.self_attn.${projection}_proj`);
    const normed = options.headNorms ? graph.rmsNorm(heads, `${name}.self_attn.${projection}_norm.weight`) : heads;
    return options.usesRope?.(layer) === false ? normed : graph.rope(normed);
  };
  const [q, k] = [project("q"), project("k")];
  const v = graph.linear(input, `${name}.self_attn.v_proj`);
  const [attended, residual] = graph.attend(layer, q, k, v, x);
  const afterAttention = graph.linear(attended, `${name}.self_attn.o_proj`, residual);

  const mlpInput = graph.rmsNorm(afterAttention, `${name}.post_attention_layernorm.weight`);
  const gate = graph.linear(mlpInput, `${name}.mlp.gate_proj`);
  const up = graph.linear(mlpInput, `${name}.mlp.up_proj`);
  return graph.linear(graph.gated(gate, up), `${name}.mlp.down_proj`, afterAttention);
}

/** Parameters of that decoder in checkpoint order; `attention_bias` and `mlp_bias` of the config put biases on all four, and all three, projections. */
export function preNormParameters(config: ModelConfig, options: PreNormOptions = {}): readonly ParameterSpec[] {
  const { hiddenSize, intermediateSize, vocabSize, heads, keyValueHeads, headDim } = config;
  const [attentionBias, mlpBias] = [config.raw.attention_bias === true, config.raw.mlp_bias === true];
  const inputBias = attentionBias || options.queryKeyValueBias === true;
  const specs: ParameterSpec[] = [embeddingTable("model.embed_tokens", vocabSize, hiddenSize)];
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    specs.push(
      norm(`${name}.input_layernorm`, hiddenSize),
      ...projection(`${name}.self_attn.q_proj`, heads * headDim, hiddenSize, inputBias),
      ...projection(`${name}.self_attn.k_proj`, keyValueHeads * headDim, hiddenSize, inputBias),
      ...projection(`${name}.self_attn.v_proj`, keyValueHeads * headDim, hiddenSize, inputBias),
      ...projection(`${name}.self_attn.o_proj`, hiddenSize, heads * headDim, attentionBias),
      ...(options.headNorms ? [norm(`${name}.self_attn.q_norm`, headDim), norm(`${name}.self_attn.k_norm`, headDim)] : []),
      norm(`${name}.post_attention_layernorm`, hiddenSize),
      ...projection(`${name}.mlp.gate_proj`, intermediateSize, hiddenSize, mlpBias),
      ...projection(`${name}.mlp.up_proj`, intermediateSize, hiddenSize, mlpBias),
      ...projection(`${name}.mlp.down_proj`, hiddenSize, intermediateSize, mlpBias),
    );
  }
  return [...specs, norm("model.norm", hiddenSize), ...outputHead("lm_head", config)];
}
