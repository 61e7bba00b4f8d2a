import type { GgufTensor, GgufValue } from "@sft/checkpoint";
import { scaledFrequencies, type ModelConfig, type RopeParameters } from "@sft/model";
import { notExportable } from "./exportError.ts";
import type { GgufArchitecture } from "./tensorNames.ts";

/** The model's part of the metadata, a tensor that some ropes need, and what llama.cpp will do otherwise than the model. */
export interface ModelMetadata {
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly extraTensors: readonly GgufTensor[];
  readonly warnings: readonly string[];
}

const u32 = (value: number): GgufValue => ({ type: "u32", value });
const f32 = (value: number): GgufValue => ({ type: "f32", value });
const text = (value: string): GgufValue => ({ type: "string", value });

/** Describes a model under llama.cpp's keys (gguf-py/gguf/constants.py). @throws CliError "not-exportable" */
export function modelMetadata(config: ModelConfig, architecture: GgufArchitecture): ModelMetadata {
  const { name } = architecture;
  checkWindows(config, name);
  if (name.startsWith("gemma") && !config.tiedEmbeddings)
    throw notExportable(
      "it has an output head of its own, and GGUF's Gemma ties it to the embeddings",
      "Tie the head, or use the Hugging Face format.",
    );
  if (name === "gemma2" && (config.attentionSoftcap === 0 || config.logitSoftcap === 0))
    throw notExportable("it has no soft caps, which llama.cpp always applies to Gemma 2", "Use the Hugging Face format.");
  const rope = config.ropes.global ?? config.ropes.default!;
  const scaling = ropeScaling(rope.parameters, rope.rotaryDim);
  const window = Math.max(0, ...config.windows);
  const keys: Record<string, GgufValue> = {
    vocab_size: u32(config.vocabSize),
    context_length: u32(config.maxPositions),
    embedding_length: u32(config.hiddenSize),
    block_count: u32(config.layers),
    feed_forward_length: u32(config.intermediateSize),
    "attention.head_count": u32(config.heads),
    "attention.head_count_kv": u32(config.keyValueHeads),
    "attention.key_length": u32(config.headDim),
    "attention.value_length": u32(config.headDim),
    "attention.layer_norm_rms_epsilon": f32(config.normEpsilon),
    "rope.dimension_count": u32(rope.rotaryDim),
    "rope.freq_base": f32(rope.parameters.theta),
    ...(config.ropes.local ? { "rope.freq_base_swa": f32(config.ropes.local.parameters.theta) } : {}),
    ...scaling.keys,
    ...(window > 0 ? { "attention.sliding_window": u32(window) } : {}),
    ...(config.attentionSoftcap > 0 ? { attn_logit_softcapping: f32(config.attentionSoftcap) } : {}),
    ...(config.logitSoftcap > 0 ? { final_logit_softcapping: f32(config.logitSoftcap) } : {}),
  };
  const warnings: string[] = [];
  const assumed = assumedScale(config, name);
  if (Math.abs(config.attentionScale / assumed - 1) > 1e-6) {
    keys["attention.scale"] = f32(config.attentionScale);
    warnings.push(
      `attention scores are scaled by ${config.attentionScale.toPrecision(6)} (query_pre_attn_scalar); a llama.cpp that does not read ${name}.attention.scale uses ${assumed.toPrecision(6)}`,
    );
  }
  const metadata = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${name}.${key}`, value]));
  return { metadata, extraTensors: scaling.tensors, warnings };
}

/** llama.cpp takes 1/sqrt(head size), and for the 27 B models 1/sqrt(hidden / heads). */
function assumedScale({ hiddenSize, heads, headDim, layers }: ModelConfig, name: string): number {
  const is27b = (name === "gemma2" && layers === 46) || (name === "gemma3" && layers === 62);
  return (is27b ? hiddenSize / heads : headDim) ** -0.5;
}

/** llama.cpp knows the layers with windows by the architecture alone. */
function checkWindows({ windows }: ModelConfig, name: string): void {
  const isWindowed = (layer: number): boolean => (name === "gemma2" ? layer % 2 === 0 : name === "gemma3" && (layer + 1) % 6 !== 0);
  const other = windows.findIndex((window, layer) => window > 0 !== isWindowed(layer));
  if (other < 0) return;
  throw notExportable(
    `layer ${other} has ${windows[other]! > 0 ? "a sliding window" : "full attention"}, and llama.cpp's ${name} has it the other way`,
    "Use the Hugging Face format.",
  );
}

function ropeScaling(
  rope: RopeParameters,
  rotaryDim: number,
): { readonly keys: Readonly<Record<string, GgufValue>>; readonly tensors: readonly GgufTensor[] } {
  switch (rope.type) {
    case "default":
      return { keys: {}, tensors: [] };
    case "linear":
      return { keys: { "rope.scaling.type": text("linear"), "rope.scaling.factor": f32(rope.factor) }, tensors: [] };
    case "llama3":
      return { keys: {}, tensors: [ropeFactors(rope, rotaryDim)] };
    case "yarn":
      if (Math.abs(rope.attentionFactor - (0.1 * Math.log(rope.factor) + 1)) > 1e-6 || rope.betaFast !== 32 || rope.betaSlow !== 1) {
        throw notExportable("its yarn rope has an attention factor or betas of its own", "Use the Hugging Face format.");
      }
      return {
        keys: {
          "rope.scaling.type": text("yarn"),
          "rope.scaling.factor": f32(rope.factor),
          "rope.scaling.original_context_length": u32(rope.originalMaxPositions),
        },
        tensors: [],
      };
    default:
      throw notExportable(`its rope scaling "${rope.type}" has no counterpart`, "Use the Hugging Face format.");
  }
}

/** Llama 3's scaling as a tensor: what each plain frequency is divided by. */
function ropeFactors(rope: RopeParameters, rotaryDim: number): GgufTensor {
  const { frequencies } = scaledFrequencies(rope, rotaryDim, 1);
  const factors = frequencies.map((frequency, index) => rope.theta ** ((-2 * index) / rotaryDim) / frequency);
  return { name: "rope_freqs.weight", shape: [rotaryDim / 2], type: "F32", data: async () => factors };
}
