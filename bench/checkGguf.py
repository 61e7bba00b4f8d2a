"""Compares a GGUF file with the Hugging Face folder that it was exported from, with numpy and, where it is installed, llama.cpp's
own reader (`pip install gguf`), which must then read the same metadata, names, shapes and values.

    python bench/checkGguf.py MODEL_FOLDER FILE.gguf [MODEL_FOLDER FILE.gguf ...]

Reads both formats from their definitions, undoes what the export does (llama.cpp's names, the order of Llama's q and k rows,
Gemma's 1 in the norms), and prints a line a file: the metadata's architecture, tensors compared, and the largest difference
as a share of what the type's rounding allows. Exit code 1 when a tensor is missing, has another shape or is further off.
"""

import json
import re
import struct
import sys
from pathlib import Path

import numpy as np

try:
    import gguf
    from gguf.quants import dequantize
except ImportError:
    gguf = None

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
F32, F16, Q8_0 = 0, 1, 8
INNER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, code):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def string(self):
        length = self.take("Q")
        self.at += length
        return bytes(self.data[self.at - length:self.at]).decode("utf-8")

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            inner, count = self.take("I"), self.take("Q")
            return [self.value(inner) for _ in range(count)]
        return self.take(SCALARS[kind])


def read_gguf(path):
    data = np.memmap(path, dtype=np.uint8, mode="r")
    cursor = Cursor(data)
    assert cursor.take("I") == 0x46554747 and cursor.take("I") == 3, f"{path}: no GGUF of version 3"
    tensor_count, pair_count = cursor.take("Q"), cursor.take("Q")
    metadata = {}
    for _ in range(pair_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.take("I"))
    infos = []
    for _ in range(tensor_count):
        name = cursor.string()
        shape = [cursor.take("Q") for _ in range(cursor.take("I"))][::-1]
        infos.append((name, shape, cursor.take("I"), cursor.take("Q")))
    start = -(-cursor.at // 32) * 32
    return metadata, {name: (shape, kind, values(data, start + offset, shape, kind)) for name, shape, kind, offset in infos}


def values(data, start, shape, kind):
    count = int(np.prod(shape))
    if kind == F32:
        return np.frombuffer(data, "<f4", count, start).reshape(shape)
    if kind == F16:
        return np.frombuffer(data, "<f2", count, start).astype(np.float32).reshape(shape)
    assert kind == Q8_0, f"type {kind} is not read"
    blocks = np.frombuffer(data, np.dtype([("scale", "<f2"), ("quants", "i1", 32)]), count // 32, start)
    return (blocks["scale"].astype(np.float32)[:, None] * blocks["quants"]).reshape(shape)


def read_safetensors(folder):
    tensors = {}
    for path in sorted(folder.glob("model*.safetensors")):
        data = np.memmap(path, dtype=np.uint8, mode="r")
        (length,) = struct.unpack_from("<Q", data, 0)
        header = json.loads(bytes(data[8:8 + length]))
        for name, info in header.items():
            if name == "__metadata__":
                continue
            raw = data[8 + length + info["data_offsets"][0]:8 + length + info["data_offsets"][1]].tobytes()
            if info["dtype"] == "BF16":
                array = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                array = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[info["dtype"]]).astype(np.float32)
            tensors[name] = array.reshape(info["shape"])
    return tensors


def expected(name, array, config, architecture):
    module, part = name.rsplit(".", 1)
    layered = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", module)
    gemma = architecture.startswith("gemma")
    if layered:
        inner = layered[2]
        own = ("post_attention_norm" if gemma else "ffn_norm") if inner == "post_attention_layernorm" else INNER[inner]
        own = f"blk.{layered[1]}.{own}"
    else:
        own = OUTER[module]
    if gemma and name.endswith("norm.weight"):
        array = array + np.float32(1)
    if architecture == "llama" and re.search(r"[qk]_proj", name):
        heads = config["num_attention_heads"] if "q_proj" in name else config.get("num_key_value_heads", config["num_attention_heads"])
        array = array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
    return f"{own}.{part}", array


def allowed(array, kind):
    """Half a unit in the last place; for Q8_0 half a step, and the rounding of the step itself 127 times."""
    if kind == F32:
        return np.full(array.shape, 1e-30)
    if kind == F16:
        return np.maximum(np.abs(array) * 2.0 ** -11, 2.0 ** -25)
    largest = np.abs(array.reshape(-1, 32)).max(axis=1, keepdims=True).astype(np.float64)
    bound = largest * (1 / 254 + 1e-6) + 127 * np.maximum(largest / 127 * 2.0 ** -11, 2.0 ** -25)
    return np.broadcast_to(bound, (len(bound), 32)).reshape(array.shape)


def differences_to_gguf_package(path, metadata, tensors):
    """What llama.cpp's reader gives otherwise than ours; it adds keys of its own that start with "GGUF."."""
    reader = gguf.GGUFReader(path)
    fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    problems = [f"the gguf package has {key} = {fields.get(key)!r}" for key in metadata.keys() | fields.keys() if fields.get(key) != metadata.get(key)]
    theirs = {tensor.name: tensor for tensor in reader.tensors}
    problems += [f"only one reader sees {name}" for name in theirs.keys() ^ tensors.keys()]
    for name in theirs.keys() & tensors.keys():
        shape, kind, ours = tensors[name]
        tensor = theirs[name]
        values = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
        if list(tensor.shape)[::-1] != list(shape) or int(tensor.tensor_type) != kind or not np.array_equal(values.astype(np.float32), ours):
            problems.append(f"{name}: the gguf package reads other values")
    return problems


def check(folder, path):
    config = json.loads((folder / "config.json").read_text())
    metadata, found = read_gguf(path)
    architecture = metadata["general.architecture"]
    worst, problems = 0.0, []
    for name, array in read_safetensors(folder).items():
        own, wanted = expected(name, array, config, architecture)
        if own not in found:
            problems.append(f"{own} is missing")
            continue
        shape, kind, got = found[own]
        if list(wanted.shape) != list(shape):
            problems.append(f"{own}: expected {list(wanted.shape)}, found {shape}")
            continue
        share = float((np.abs(got.astype(np.float64) - wanted) / allowed(wanted, kind)).max())
        worst = max(worst, share)
        if share > 1:
            problems.append(f"{own}: {share:.3f} of the rounding allowed")
    if gguf:
        problems += differences_to_gguf_package(path, metadata, found)
    vocabulary = len(metadata.get("tokenizer.ggml.tokens", []))
    print(f"{'FAIL' if problems else 'pass'}  {path}: {architecture}, {len(found)} tensors, {vocabulary} tokens, worst {worst:.3f} of the rounding allowed{', the gguf package agrees' if gguf and not problems else ''}", *problems, sep="\n  ")
    return not problems


if __name__ == "__main__":
    if len(sys.argv) < 3 or len(sys.argv) % 2 == 0:
        sys.exit(__doc__)
    pairs = zip(sys.argv[1::2], sys.argv[2::2])
    sys.exit(0 if all([check(Path(folder), Path(path)) for folder, path in pairs]) else 1)
