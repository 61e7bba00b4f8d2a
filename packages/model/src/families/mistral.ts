import { layerWindows, readCommonConfig } from "../config.ts";
import type { ModelFamily } from "./family.ts";
import { preNormForward, preNormParameters, tiedOrOwnHead } from "./llama.ts";

/** Mistral: Llama with a sliding window on every layer, of 4096 where the file is silent and none where it says null. */
export const mistral: ModelFamily = {
  modelType: "mistral",
  architecture: "MistralForCausalLM",
  readConfig(raw) {
    const config = readCommonConfig(raw);
    const window = raw.sliding_window === undefined ? 4096 : typeof raw.sliding_window === "number" ? raw.sliding_window : 0;
    return { ...config, windows: layerWindows(raw, config.layers, window, () => true) };
  },
  parameters: (config) => preNormParameters(config),
  headWeight: tiedOrOwnHead,
  forward: (graph) => preNormForward(graph),
};
