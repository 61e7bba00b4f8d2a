import type { Value } from "@sft/kernels";
import { layerWindows, partialRotaryDim, readCommonConfig, type ModelConfig } from "../config.ts";
import type { Graph } from "../graph.ts";
import type { ModelFamily, ParameterSpec } from "./family.ts";
import { tiedOrOwnHead } from "./llama.ts";
import { embeddingTable, linear, norm, outputHead } from "./parameterList.ts";

/** Phi 3 and 4: Llama with one projection for q, k, v and one for gate and up; rope may turn only part of a head. */
export const phi3: ModelFamily = {
  modelType: "phi3",
  architecture: "Phi3ForCausalLM",
  readConfig(raw) {
    // transformers reads the trained length from the top level, and takes 4096 where it is absent.
    const config = readCommonConfig({ original_max_position_embeddings: 4096, ...raw }, { normEpsilon: 1e-5 });
    const rotaryDim = partialRotaryDim(raw, config.headDim, 1);
    const window = typeof raw.sliding_window === "number" ? raw.sliding_window : 0;
    return {
      ...config,
      raw,
      ropes: { default: { ...config.ropes.default!, rotaryDim } },
      windows: layerWindows(raw, config.layers, window, () => true),
    };
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
  const { heads, keyValueHeads, headDim, intermediateSize } = graph.config;
  const [queryWidth, keyValueWidth] = [heads * headDim, keyValueHeads * headDim];
  const fused = graph.linear(graph.rmsNorm(x, `${name}.input_layernorm.weight`), `${name}.self_attn.qkv_proj`);
  const q = graph.rope(graph.columns(fused, 0, queryWidth));
  const k = graph.rope(graph.columns(fused, queryWidth, keyValueWidth));
  const v = graph.columns(fused, queryWidth + keyValueWidth, keyValueWidth);
  const [attended, residual] = graph.attend(layer, q, k, v, x);
  const afterAttention = graph.linear(attended, `${name}.self_attn.o_proj`, residual);

  const gateUp = graph.linear(graph.rmsNorm(afterAttention, `${name}.post_attention_layernorm.weight`), `${name}.mlp.gate_up_proj`);
  const [gate, up] = [graph.columns(gateUp, 0, intermediateSize), graph.columns(gateUp, intermediateSize, intermediateSize)];
  return graph.linear(graph.gated(gate, up), `${name}.mlp.down_proj`, afterAttention);
}

function parameters(config: ModelConfig): readonly ParameterSpec[] {
  const { hiddenSize, intermediateSize, vocabSize, heads, keyValueHeads, headDim } = config;
  const specs: ParameterSpec[] = [embeddingTable("model.embed_tokens", vocabSize, hiddenSize)];
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    specs.push(
      norm(`${name}.input_layernorm`, hiddenSize),
      linear(`${name}.self_attn.o_proj`, hiddenSize, heads * headDim),
      linear(`${name}.self_attn.qkv_proj`, (heads + 2 * keyValueHeads) * headDim, hiddenSize),
      norm(`${name}.post_attention_layernorm`, hiddenSize),
      linear(`${name}.mlp.down_proj`, hiddenSize, intermediateSize),
      linear(`${name}.mlp.gate_up_proj`, 2 * intermediateSize, hiddenSize),
    );
  }
  return [...specs, norm("model.norm", hiddenSize), ...outputHead("lm_head", config)];
}
