import type { Value } from "@sft/kernels";
import type { ModelConfig } from "../config.ts";
import { optionalNumber, readActivation, readTokenIds, refuseUnless, requireCount } from "../configFields.ts";
import type { Graph } from "../graph.ts";
import type { ModelFamily, ParameterSpec } from "./family.ts";
import { embeddingTable, layerNormParameters, outputHead } from "./parameterList.ts";

/** GPT-2: learned positions, layer norms with bias, weights stored [in, out], one projection for q, k, v. */
export const gpt2: ModelFamily = {
  modelType: "gpt2",
  architecture: "GPT2LMHeadModel",
  readConfig,
  parameters,
  headWeight: (config) => (config.tiedEmbeddings ? "transformer.wte.weight" : "lm_head.weight"),
  forward(graph) {
    let x = graph.add(graph.embed("transformer.wte.weight"), graph.embedPositions("transformer.wpe.weight"));
    for (let layer = 0; layer < graph.config.layers; layer++) x = graph.layer(layer, () => block(graph, x, layer));
    return graph.layerNorm(x, "transformer.ln_f");
  },
};

function readConfig(raw: Readonly<Record<string, unknown>>): ModelConfig {
  refuseUnless(raw, "scale_attn_by_inverse_layer_idx", [false, null]);
  refuseUnless(raw, "add_cross_attention", [false, null]);
  const [hiddenSize, heads, layers] = [requireCount(raw, "n_embd"), requireCount(raw, "n_head"), requireCount(raw, "n_layer")];
  return {
    modelType: "gpt2",
    vocabSize: requireCount(raw, "vocab_size"),
    hiddenSize,
    layers,
    heads,
    keyValueHeads: heads,
    headDim: hiddenSize / heads,
    intermediateSize: raw.n_inner == null ? 4 * hiddenSize : requireCount(raw, "n_inner"),
    maxPositions: requireCount(raw, "n_positions"),
    normEpsilon: optionalNumber(raw, "layer_norm_epsilon", 1e-5),
    activation: readActivation(raw, "activation_function", "gelu_new"),
    tiedEmbeddings: raw.tie_word_embeddings !== false,
    ropes: {},
    attentionScale: raw.scale_attn_weights === false ? 1 : (hiddenSize / heads) ** -0.5,
    attentionSoftcap: 0,
    logitSoftcap: 0,
    windows: new Array<number>(layers).fill(0),
    eosTokenIds: readTokenIds(raw.eos_token_id),
    raw,
  };
}

function block(graph: Graph, x: Value, layer: number): Value {
  const name = `transformer.h.${layer}`;
  const width = graph.config.hiddenSize;
  const fused = graph.linear(graph.layerNorm(x, `${name}.ln_1`), `${name}.attn.c_attn`);
  const [q, k, v] = [0, 1, 2].map((part) => graph.columns(fused, part * width, width)) as [Value, Value, Value];
  const [attended, residual] = graph.attend(layer, q, k, v, x);
  const afterAttention = graph.add(residual, graph.linear(attended, `${name}.attn.c_proj`));
  const inner = graph.activation(graph.linear(graph.layerNorm(afterAttention, `${name}.ln_2`), `${name}.mlp.c_fc`));
  return graph.add(afterAttention, graph.linear(inner, `${name}.mlp.c_proj`));
}

function parameters(config: ModelConfig): readonly ParameterSpec[] {
  const { vocabSize, hiddenSize, intermediateSize, layers, maxPositions } = config;
  const conv1d = (module: string, input: number, out: number): readonly ParameterSpec[] => [
    { name: `${module}.weight`, shape: [input, out], kind: "conv1d" },
    { name: `${module}.bias`, shape: [out], kind: "bias" },
  ];
  const specs: ParameterSpec[] = [
    embeddingTable("transformer.wte", vocabSize, hiddenSize),
    embeddingTable("transformer.wpe", maxPositions, hiddenSize),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const name = `transformer.h.${layer}`;
    specs.push(
      ...layerNormParameters(`${name}.ln_1`, hiddenSize),
      ...conv1d(`${name}.attn.c_attn`, hiddenSize, 3 * hiddenSize),
      ...conv1d(`${name}.attn.c_proj`, hiddenSize, hiddenSize),
      ...layerNormParameters(`${name}.ln_2`, hiddenSize),
      ...conv1d(`${name}.mlp.c_fc`, hiddenSize, intermediateSize),
      ...conv1d(`${name}.mlp.c_proj`, intermediateSize, hiddenSize),
    );
  }
  return [...specs, ...layerNormParameters("transformer.ln_f", hiddenSize), ...outputHead("lm_head", config)];
}
