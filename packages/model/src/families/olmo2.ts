import type { Value } from "@sft/kernels";
import { readCommonConfig, type ModelConfig } from "../config.ts";
import type { Graph } from "../graph.ts";
import type { ModelFamily, ParameterSpec } from "./family.ts";
import { tiedOrOwnHead } from "./llama.ts";
import { embeddingTable, linear, norm, outputHead, projection } from "./parameterList.ts";

/** OLMo 2: norms on the outputs of each block instead of its inputs, and over the whole width of q and k. */
export const olmo2: ModelFamily = {
  modelType: "olmo2",
  architecture: "Olmo2ForCausalLM",
  readConfig(raw) {
    return readCommonConfig(raw, { normEpsilon: 1e-5 });
  },
  parameters,
  headWeight: tiedOrOwnHead,
  forward(graph) {
    let x = graph.embed("model.embed_tokens.weight");
    for (let layer = 0; layer < graph.config.layers; layer++) x = graph.layer(layer, () => block(graph, x, layer));
    return graph.rmsNorm(x, "model.norm.weight");
  },
};

function block(graph: Graph, x: Value, layer: number): Value {
  const name = `model.layers.${layer}`;
  const project = (projection: "q" | "k"): Value =>
    graph.rope(graph.rmsNorm(graph.linear(x, `${name}.self_attn.${projection}_proj`), `${name}.self_attn.${projection}_norm.weight`));
  const [q, k, v] = [project("q"), project("k"), graph.linear(x, `${name}.self_attn.v_proj`)];
  const [attended, residual] = graph.attend(layer, q, k, v, x);
  const attentionOutput = graph.rmsNorm(graph.linear(attended, `${name}.self_attn.o_proj`), `${name}.post_attention_layernorm.weight`);
  const afterAttention = graph.add(residual, attentionOutput);

  const gate = graph.linear(afterAttention, `${name}.mlp.gate_proj`);
  const up = graph.linear(afterAttention, `${name}.mlp.up_proj`);
  const mlp = graph.linear(graph.gated(gate, up), `${name}.mlp.down_proj`);
  return graph.add(afterAttention, graph.rmsNorm(mlp, `${name}.post_feedforward_layernorm.weight`));
}

function parameters(config: ModelConfig): readonly ParameterSpec[] {
  const { hiddenSize, intermediateSize, vocabSize, heads, keyValueHeads, headDim } = config;
  const biased = config.raw.attention_bias === true;
  const specs: ParameterSpec[] = [embeddingTable("model.embed_tokens", vocabSize, hiddenSize)];
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    specs.push(
      ...projection(`${name}.self_attn.q_proj`, heads * headDim, hiddenSize, biased),
      ...projection(`${name}.self_attn.k_proj`, keyValueHeads * headDim, hiddenSize, biased),
      ...projection(`${name}.self_attn.v_proj`, keyValueHeads * headDim, hiddenSize, biased),
      ...projection(`${name}.self_attn.o_proj`, hiddenSize, heads * headDim, biased),
      norm(`${name}.self_attn.q_norm`, heads * headDim),
      norm(`${name}.self_attn.k_norm`, keyValueHeads * headDim),
      norm(`${name}.post_attention_layernorm`, hiddenSize),
      linear(`${name}.mlp.gate_proj`, intermediateSize, hiddenSize),
      linear(`${name}.mlp.up_proj`, intermediateSize, hiddenSize),
      linear(`${name}.mlp.down_proj`, hiddenSize, intermediateSize),
      norm(`${name}.post_feedforward_layernorm`, hiddenSize),
    );
  }
  return [...specs, norm("model.norm", hiddenSize), ...outputHead("lm_head", config)];
}
