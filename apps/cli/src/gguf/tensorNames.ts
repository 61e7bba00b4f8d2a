/** How llama.cpp names and lays out the tensors of a family. Facts of its gguf-py/gguf/tensor_mapping.py and conversion/. */
export interface GgufArchitecture {
  /** `general.architecture`, and the prefix of its metadata keys. */
  readonly name: string;
  /** What the norms' stored weights get added: Gemma's checkpoints leave the 1 out that GGUF has in. */
  readonly normOffset: 0 | 1;
  /** Whether the rows of q and k are reordered, from halves of a head rotated together to neighbours rotated together. */
  readonly pairsNeighbours: boolean;
  /** GGUF's name of `post_attention_layernorm`, which is the MLP's own norm unless a family norms what attention gives. */
  readonly postAttentionNorm: "ffn_norm" | "post_attention_norm";
}

const llamaLike = { normOffset: 0, pairsNeighbours: false, postAttentionNorm: "ffn_norm" } as const;
const gemmaLike = { normOffset: 1, pairsNeighbours: false, postAttentionNorm: "post_attention_norm" } as const;

/** The families that are exported, by `model_type`. */
export const ggufArchitectures: Readonly<Record<string, GgufArchitecture>> = {
  llama: { ...llamaLike, name: "llama", pairsNeighbours: true },
  qwen2: { ...llamaLike, name: "qwen2" },
  qwen3: { ...llamaLike, name: "qwen3" },
  gemma2: { ...gemmaLike, name: "gemma2" },
  gemma3_text: { ...gemmaLike, name: "gemma3" },
};

const outside: Readonly<Record<string, string>> = { "model.embed_tokens": "token_embd", "model.norm": "output_norm", lm_head: "output" };

const inLayer: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  pre_feedforward_layernorm: "ffn_norm",
  post_feedforward_layernorm: "post_ffw_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** GGUF's name of a checkpoint's tensor; undefined for one that it has no name for. */
export function ggufTensorName(name: string, architecture: GgufArchitecture): string | undefined {
  const dot = name.lastIndexOf(".");
  const [module, part] = [name.slice(0, dot), name.slice(dot + 1)];
  const [, layer, inner] = /^model\.layers\.(\d+)\.(.+)$/.exec(module) ?? [];
  if (layer === undefined) return outside[module] && `${outside[module]}.${part}`;
  const own = inner === "post_attention_layernorm" ? architecture.postAttentionNorm : inLayer[inner!];
  return own && `blk.${layer}.${own}.${part}`;
}

/**
 * Rows of a head in the order of llama.cpp's "norm" rope, which rotates neighbours (2i, 2i+1), from a checkpoint's, which
 * rotates (i, i + headDim/2). `values` [rows, columns] is a weight, or a bias with one column.
 */
export function pairNeighbours(values: Float32Array, rows: number, headDim: number): Float32Array {
  const columns = values.length / rows;
  const reordered = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const within = row % headDim;
    const from = row - within + (within % 2) * (headDim / 2) + (within >> 1);
    reordered.set(values.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return reordered;
}
