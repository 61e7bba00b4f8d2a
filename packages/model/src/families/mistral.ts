import { layerWindows, readCommonConfig } from "../config.ts";
import { refuseUnless } from "../configFields.ts";
import type { ModelFamily } from "./family.ts";
import { preNormForward, preNormParameters, tiedOrOwnHead } from "./llama.ts";

/** Mistral: Llama with a sliding window on every layer. */
export const mistral: ModelFamily = {
  modelType: "mistral",
  architecture: "MistralForCausalLM",
  readConfig(raw) {
    refuseUnless(raw, "hidden_act", ["silu"]);
    const config = readCommonConfig(raw);
    const window = typeof raw.sliding_window === "number" ? raw.sliding_window : 0;
    return { ...config, windows: layerWindows(raw, config.layers, window, () => true) };
  },
  parameters: (config) => preNormParameters(config),
  headWeight: tiedOrOwnHead,
  forward: (graph) => preNormForward(graph),
};
