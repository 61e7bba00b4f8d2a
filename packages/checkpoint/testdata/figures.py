"""Reads the golden safetensors files with nothing but struct and hashlib and prints one JSON object a file.

Run: python3 packages/checkpoint/testdata/figures.py > packages/checkpoint/testdata/figures.jsonl
"""
import hashlib, json, os, struct

golden = os.path.join(os.path.dirname(__file__), "../../../tooling/golden/models")
formats = {"F32": "f", "F64": "d", "F16": "e", "I64": "q", "I32": "i", "I16": "h", "I8": "b", "U8": "B", "BOOL": "B"}

def figures(path):
    with open(path, "rb") as file:
        content = file.read()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, info in header.items():
        start, end = info["data_offsets"]
        raw = content[8 + length + start : 8 + length + end]
        code = formats[info["dtype"]]
        values = struct.unpack("<%d%s" % (len(raw) // struct.calcsize(code), code), raw)
        total = 0.0
        for value in values:
            total += value
        tensors[name] = {
            "dtype": info["dtype"],
            "shape": info["shape"],
            "sha256": hashlib.sha256(raw).hexdigest()[:16],
            "first": values[0],
            "last": values[-1],
            "sum": total,
        }
    return {"metadata": metadata, "tensors": tensors}

paths = [os.path.join(folder, name) for folder, _, names in os.walk(golden) for name in names if name.endswith(".safetensors")]
for path in sorted(paths):
    print(json.dumps({"file": os.path.relpath(path, golden), **figures(path)}))
