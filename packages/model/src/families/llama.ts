import type { Value } from "@sft/kernels";
import { readCommonConfig, refuseUnless, type ModelConfig } from "../config.ts";
import type { Graph } from "../graph.ts";
import type { ModelFamily, ParameterSpec } from "./family.ts";

/** Llama 1 to 3: grouped queries, rotate-half rope, SwiGLU, RMS norms before each block, tied or separate head. */
export const llama: ModelFamily = {
  modelType: "llama",
  architecture: "LlamaForCausalLM",

  readConfig(raw) {
    refuseUnless(raw, "attention_bias", [false, null]);
    refuseUnless(raw, "mlp_bias", [false, null]);
    refuseUnless(raw, "hidden_act", ["silu"]);
    return readCommonConfig(raw);
  },

  parameters,

  headWeight: (config) => (config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"),

  forward(graph) {
    let x = graph.embed("model.embed_tokens.weight");
    for (let layer = 0; layer < graph.config.layers; layer++) x = block(graph, x, layer);
    return graph.rmsNorm(x, "model.norm.weight");
  },
};

function block(graph: Graph, x: Value, layer: number): Value {
  const name = `model.layers.${layer}`;
  const attentionInput = graph.rmsNorm(x, `${name}.input_layernorm.weight`);
  const q = graph.rope(graph.linear(attentionInput, `${name}.self_attn.q_proj`));
  const k = graph.rope(graph.linear(attentionInput, `${name}.self_attn.k_proj`));
  const v = graph.linear(attentionInput, `${name}.self_attn.v_proj`);
  const afterAttention = graph.linear(graph.attend(layer, q, k, v), `${name}.self_attn.o_proj`, x);

  const mlpInput = graph.rmsNorm(afterAttention, `${name}.post_attention_layernorm.weight`);
  const gate = graph.linear(mlpInput, `${name}.mlp.gate_proj`);
  const up = graph.linear(mlpInput, `${name}.mlp.up_proj`);
  return graph.linear(graph.gated(gate, up, "silu"), `${name}.mlp.down_proj`, afterAttention);
}

function parameters(config: ModelConfig): readonly ParameterSpec[] {
  const { hiddenSize, intermediateSize, vocabSize, heads, keyValueHeads, headDim } = config;
  const linear = (name: string, out: number, input: number): ParameterSpec => ({ name: `${name}.weight`, shape: [out, input], kind: "linear" });
  const norm = (name: string): ParameterSpec => ({ name: `${name}.weight`, shape: [hiddenSize], kind: "norm" });
  const specs: ParameterSpec[] = [{ name: "model.embed_tokens.weight", shape: [vocabSize, hiddenSize], kind: "embedding" }];
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    specs.push(
      norm(`${name}.input_layernorm`),
      linear(`${name}.self_attn.q_proj`, heads * headDim, hiddenSize),
      linear(`${name}.self_attn.k_proj`, keyValueHeads * headDim, hiddenSize),
      linear(`${name}.self_attn.v_proj`, keyValueHeads * headDim, hiddenSize),
      linear(`${name}.self_attn.o_proj`, hiddenSize, heads * headDim),
      norm(`${name}.post_attention_layernorm`),
      linear(`${name}.mlp.gate_proj`, intermediateSize, hiddenSize),
      linear(`${name}.mlp.up_proj`, intermediateSize, hiddenSize),
      linear(`${name}.mlp.down_proj`, hiddenSize, intermediateSize),
    );
  }
  specs.push(norm("model.norm"));
  if (!config.tiedEmbeddings) specs.push(linear("lm_head", vocabSize, hiddenSize));
  return specs;
}
