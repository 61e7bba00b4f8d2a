import { layerWindows, readCommonConfig, type ModelConfig } from "../config.ts";
import { ModelError } from "../errors.ts";
import type { ModelFamily } from "./family.ts";
import { preNormForward, preNormParameters, tiedOrOwnHead } from "./llama.ts";

/** SmolLM 3: Llama in which some layers (every fourth, unless `no_rope_layers` says otherwise) leave positions out. */
export const smollm3: ModelFamily = {
  modelType: "smollm3",
  architecture: "SmolLM3ForCausalLM",
  readConfig(raw) {
    const config = readCommonConfig(raw, { theta: 2_000_000, tiedEmbeddings: true });
    const window = raw.use_sliding_window === true && typeof raw.sliding_window === "number" ? raw.sliding_window : 0;
    ropeLayers(config);
    return { ...config, windows: layerWindows(raw, config.layers, window, (layer) => !ropeLayers(config)[layer]) };
  },
  parameters: (config) => preNormParameters(config),
  headWeight: tiedOrOwnHead,
  forward(graph) {
    const rope = ropeLayers(graph.config);
    return preNormForward(graph, { usesRope: (layer) => rope[layer]! });
  },
};

/** Which layers rotate. In `no_rope_layers` a 1 means that the layer does. */
function ropeLayers({ raw, layers }: ModelConfig): readonly boolean[] {
  const interval = typeof raw.no_rope_layer_interval === "number" ? raw.no_rope_layer_interval : 4;
  const flags = raw.no_rope_layers ?? Array.from({ length: layers }, (_, layer) => ((layer + 1) % interval === 0 ? 0 : 1));
  if (Array.isArray(flags) && flags.length === layers) return flags.map(Boolean);
  throw new ModelError(
    "bad-config",
    `config.json: no_rope_layers must have one entry for each of ${layers} layers, got ${JSON.stringify(flags)}`,
  );
}
