import { layerWindows, readCommonConfig, type ModelConfig } from "../config.ts";
import type { ModelFamily } from "./family.ts";
import { preNormForward, preNormParameters, tiedOrOwnHead } from "./llama.ts";

/** Qwen 2 and 2.5: Llama with biases on q, k and v. */
export const qwen2: ModelFamily = {
  modelType: "qwen2",
  architecture: "Qwen2ForCausalLM",
  readConfig: readQwenConfig,
  parameters: (config) => preNormParameters(config, { queryKeyValueBias: true }),
  headWeight: tiedOrOwnHead,
  forward: (graph) => preNormForward(graph, { queryKeyValueBias: true }),
};

/** Qwen 3: biases only where `attention_bias` asks for them; an RMS norm over each head of q and k before rope. */
export const qwen3: ModelFamily = {
  modelType: "qwen3",
  architecture: "Qwen3ForCausalLM",
  readConfig(raw) {
    const config = readQwenConfig(raw);
    return raw.head_dim == null
      ? { ...config, headDim: 128, attentionScale: 128 ** -0.5, ropes: { default: { ...config.ropes.default!, rotaryDim: 128 } } }
      : config;
  },
  parameters: (config) => preNormParameters(config, { headNorms: true }),
  headWeight: tiedOrOwnHead,
  forward: (graph) => preNormForward(graph, { headNorms: true }),
};

/** With `use_sliding_window` the layers from `max_window_layers` on see a window. */
function readQwenConfig(raw: Readonly<Record<string, unknown>>): ModelConfig {
  const config = readCommonConfig(raw);
  const window = raw.use_sliding_window === true && typeof raw.sliding_window === "number" ? raw.sliding_window : 0;
  const firstWindowed = typeof raw.max_window_layers === "number" ? raw.max_window_layers : 28;
  return { ...config, windows: layerWindows(raw, config.layers, window, (layer) => layer >= firstWindowed) };
}
