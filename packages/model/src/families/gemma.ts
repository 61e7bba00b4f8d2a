import type { Value } from "@sft/kernels";
import { layerWindows, readCommonConfig, type ModelConfig } from "../config.ts";
import { optionalNumber, readActivation, refuseUnless } from "../configFields.ts";
import type { Graph } from "../graph.ts";
import { readRopeParameters } from "../ropeScaling.ts";
import type { ModelFamily, ParameterSpec } from "./family.ts";
import { tiedOrOwnHead } from "./llama.ts";
import { embeddingTable, linear, norm, outputHead, projection } from "./parameterList.ts";

type Raw = Readonly<Record<string, unknown>>;

/** Gemma's RMS norms multiply by 1 + weight. */
const weightOffset = 1;

/** Gemma 2: scaled embeddings, norms before and after each block, GeGLU, soft caps, a sliding window on every other layer. */
export const gemma2: ModelFamily = {
  modelType: "gemma2",
  architecture: "Gemma2ForCausalLM",
  readConfig(raw) {
    // transformers' own defaults; null turns a cap off.
    const config = readGemmaConfig({ attn_logit_softcapping: 50, final_logit_softcapping: 30, ...raw }, raw);
    const window = optionalNumber(raw, "sliding_window", 4096);
    return { ...config, windows: layerWindows(raw, config.layers, window, (layer) => layer % 2 === 0) };
  },
  parameters: (config) => parameters(config, false),
  headWeight: tiedOrOwnHead,
  forward: (graph) => forward(graph, false),
};

/** Gemma 3 text: norms over each head of q and k instead of caps; five windowed layers with a local rope, then one global. */
export const gemma3: ModelFamily = {
  modelType: "gemma3_text",
  architecture: "Gemma3ForCausalLM",
  readConfig(raw) {
    const config = readGemmaConfig(raw);
    const pattern = optionalNumber(raw, "sliding_window_pattern", 6);
    const windows = layerWindows(raw, config.layers, optionalNumber(raw, "sliding_window", 4096), (layer) => (layer + 1) % pattern !== 0);
    const { global, local } = gemma3Ropes(raw);
    return {
      ...config,
      windows,
      ropes: {
        global: { parameters: readRopeParameters(raw, global), rotaryDim: config.headDim },
        local: { parameters: readRopeParameters(raw, local), rotaryDim: config.headDim },
      },
    };
  },
  parameters: (config) => parameters(config, true),
  headWeight: tiedOrOwnHead,
  forward: (graph) => forward(graph, true),
};

/** transformers 5 keeps one entry a layer type; before, `rope_theta` was global, with `rope_scaling`, and `rope_local_base_freq` local. */
function gemma3Ropes(raw: Raw): { readonly global: Raw; readonly local: Raw } {
  const nested = (raw.rope_parameters ?? {}) as Readonly<Record<string, Raw | null | undefined>>;
  return {
    global: { rope_theta: raw.rope_theta ?? 1_000_000, ...nested.full_attention, ...(raw.rope_scaling as Raw | null | undefined) },
    local: { rope_theta: raw.rope_local_base_freq ?? 10_000, ...nested.sliding_attention },
  };
}

function readGemmaConfig(raw: Raw, written: Raw = raw): ModelConfig {
  refuseUnless(raw, "use_bidirectional_attention", [false, null]);
  // Gemma 3's nested rope_parameters are read by its own function.
  const { rope_parameters: rope, ...rest } = raw;
  const isNested = typeof rope === "object" && rope !== null && ("full_attention" in rope || "sliding_attention" in rope);
  const flat = isNested ? { ...rest, rope_scaling: null } : raw;
  const config = readCommonConfig({ head_dim: 256, ...flat, hidden_act: "gelu_pytorch_tanh" }, { tiedEmbeddings: true });
  return {
    ...config,
    raw: written,
    activation: readActivation(raw, "hidden_activation", "gelu_pytorch_tanh"),
    attentionScale: optionalNumber(raw, "query_pre_attn_scalar", 256) ** -0.5,
    attentionSoftcap: optionalNumber(raw, "attn_logit_softcapping", 0),
    logitSoftcap: optionalNumber(raw, "final_logit_softcapping", 0),
  };
}

function forward(graph: Graph, headNorms: boolean): Value {
  // The factor is rounded to the model's dtype in transformers; in float32 that is fround.
  let x = graph.scale(graph.embed("model.embed_tokens.weight"), Math.fround(Math.sqrt(graph.config.hiddenSize)));
  for (let layer = 0; layer < graph.config.layers; layer++) x = graph.layer(layer, () => block(graph, x, layer, headNorms));
  return graph.rmsNorm(x, "model.norm.weight", weightOffset);
}

function block(graph: Graph, x: Value, layer: number, headNorms: boolean): Value {
  const name = `model.layers.${layer}`;
  const rope = headNorms ? (graph.config.windows[layer]! > 0 ? "local" : "global") : "default";
  const input = graph.rmsNorm(x, `${name}.input_layernorm.weight`, weightOffset);
  const project = (projection: "q" | "k"): Value => {
    const heads = graph.linear(input, `${name}.self_attn.${projection}_proj`);
    return graph.rope(headNorms ? graph.rmsNorm(heads, `${name}.self_attn.${projection}_norm.weight`, weightOffset) : heads, rope);
  };
  const [q, k, v] = [project("q"), project("k"), graph.linear(input, `${name}.self_attn.v_proj`)];
  const [attended, residual] = graph.attend(layer, q, k, v, x);
  const attentionOutput = graph.linear(attended, `${name}.self_attn.o_proj`);
  const afterAttention = graph.add(residual, graph.rmsNorm(attentionOutput, `${name}.post_attention_layernorm.weight`, weightOffset));

  const mlpInput = graph.rmsNorm(afterAttention, `${name}.pre_feedforward_layernorm.weight`, weightOffset);
  const gate = graph.linear(mlpInput, `${name}.mlp.gate_proj`);
  const up = graph.linear(mlpInput, `${name}.mlp.up_proj`);
  const mlp = graph.linear(graph.gated(gate, up), `${name}.mlp.down_proj`);
  return graph.add(afterAttention, graph.rmsNorm(mlp, `${name}.post_feedforward_layernorm.weight`, weightOffset));
}

function parameters(config: ModelConfig, headNorms: boolean): readonly ParameterSpec[] {
  const { hiddenSize, intermediateSize, vocabSize, heads, keyValueHeads, headDim } = config;
  const biased = config.raw.attention_bias === true;
  const specs: ParameterSpec[] = [embeddingTable("model.embed_tokens", vocabSize, hiddenSize)];
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    specs.push(
      norm(`${name}.input_layernorm`, hiddenSize),
      ...projection(`${name}.self_attn.q_proj`, heads * headDim, hiddenSize, biased),
      ...projection(`${name}.self_attn.k_proj`, keyValueHeads * headDim, hiddenSize, biased),
      ...projection(`${name}.self_attn.v_proj`, keyValueHeads * headDim, hiddenSize, biased),
      ...projection(`${name}.self_attn.o_proj`, hiddenSize, heads * headDim, biased),
      ...(headNorms ? [norm(`${name}.self_attn.q_norm`, headDim), norm(`${name}.self_attn.k_norm`, headDim)] : []),
      norm(`${name}.post_attention_layernorm`, hiddenSize),
      norm(`${name}.pre_feedforward_layernorm`, hiddenSize),
      linear(`${name}.mlp.gate_proj`, intermediateSize, hiddenSize),
      linear(`${name}.mlp.up_proj`, intermediateSize, hiddenSize),
      linear(`${name}.mlp.down_proj`, hiddenSize, intermediateSize),
      norm(`${name}.post_feedforward_layernorm`, hiddenSize),
    );
  }
  return [...specs, norm("model.norm", hiddenSize), ...outputHead("lm_head", config)];
}
