import type { Value } from "@sft/kernels";
import { partialRotaryDim, readCommonConfig, type ModelConfig } from "../config.ts";
import { optionalNumber } from "../configFields.ts";
import type { Graph } from "../graph.ts";
import type { ModelFamily, ParameterSpec } from "./family.ts";
import { embeddingTable, layerNormParameters, linearWithBias, outputHead, projection } from "./parameterList.ts";

/** GPT-NeoX and Pythia: attention and MLP in parallel from two layer norms, partial rope, q, k and v interleaved head by head. */
export const gptNeox: ModelFamily = {
  modelType: "gpt_neox",
  architecture: "GPTNeoXForCausalLM",
  aliases: { "lm_head.weight": "embed_out.weight" },
  readConfig(raw) {
    const config = readCommonConfig({ hidden_act: "gelu", ...raw });
    const rotaryDim = partialRotaryDim(raw, config.headDim, 0.25);
    return {
      ...config,
      raw,
      normEpsilon: optionalNumber(raw, "layer_norm_eps", 1e-5),
      ropes: { default: { ...config.ropes.default!, rotaryDim } },
    };
  },
  parameters,
  headWeight: (config) => (config.tiedEmbeddings ? "gpt_neox.embed_in.weight" : "embed_out.weight"),
  forward(graph) {
    let x = graph.embed("gpt_neox.embed_in.weight");
    for (let layer = 0; layer < graph.config.layers; layer++) x = graph.layer(layer, () => block(graph, x, layer));
    return graph.layerNorm(x, "gpt_neox.final_layer_norm");
  },
};

function block(graph: Graph, x: Value, layer: number): Value {
  const name = `gpt_neox.layers.${layer}`;
  const { heads, headDim } = graph.config;
  const fused = graph.linear(graph.layerNorm(x, `${name}.input_layernorm`), `${name}.attention.query_key_value`);
  // Each head's 3 * headDim columns hold its q, k and v: as rows of their own they are plain column ranges.
  const byHead = graph.reshape(fused, graph.rows * heads);
  const [q, k, v] = [0, 1, 2].map((part) => graph.reshape(graph.columns(byHead, part * headDim, headDim), graph.rows)) as [
    Value,
    Value,
    Value,
  ];
  const [attended, residual] = graph.attend(layer, graph.rope(q), graph.rope(k), v, x);
  const attention = graph.linear(attended, `${name}.attention.dense`);
  const parallel = graph.config.raw.use_parallel_residual !== false;
  const afterAttention = parallel ? residual : graph.add(residual, attention);
  const inner = graph.activation(
    graph.linear(graph.layerNorm(afterAttention, `${name}.post_attention_layernorm`), `${name}.mlp.dense_h_to_4h`),
  );
  const mlp = graph.linear(inner, `${name}.mlp.dense_4h_to_h`);
  return parallel ? graph.add(graph.add(mlp, attention), residual) : graph.add(afterAttention, mlp);
}

function parameters(config: ModelConfig): readonly ParameterSpec[] {
  const { vocabSize, hiddenSize, intermediateSize, layers } = config;
  const attentionBias = config.raw.attention_bias !== false;
  const specs: ParameterSpec[] = [embeddingTable("gpt_neox.embed_in", vocabSize, hiddenSize)];
  for (let layer = 0; layer < layers; layer++) {
    const name = `gpt_neox.layers.${layer}`;
    specs.push(
      ...projection(`${name}.attention.dense`, hiddenSize, hiddenSize, attentionBias),
      ...projection(`${name}.attention.query_key_value`, 3 * hiddenSize, hiddenSize, attentionBias),
      ...layerNormParameters(`${name}.input_layernorm`, hiddenSize),
      ...linearWithBias(`${name}.mlp.dense_4h_to_h`, hiddenSize, intermediateSize),
      ...linearWithBias(`${name}.mlp.dense_h_to_4h`, intermediateSize, hiddenSize),
      ...layerNormParameters(`${name}.post_attention_layernorm`, hiddenSize),
    );
  }
  return [...specs, ...layerNormParameters("gpt_neox.final_layer_norm", hiddenSize), ...outputHead("embed_out", config)];
}
