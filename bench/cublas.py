"""The peer's matrix products: cuBLAS through PyTorch, at the sizes and in the layouts that gpuMatmul.ts times. Prints TFLOP/s a line, the
median of three passes over all of them. Results have the operands' type unless told; gpuMatmul.ts says of each line which its y has.

    python3 cublas.py [PATTERN, of the size and layout that a line begins with]
"""
import re
import sys
import time as clock
import torch
torch.backends.cuda.matmul.allow_tf32 = False
FLOAT16, FLOAT32 = [torch.float16], [torch.float16, torch.float32]
CASES = [(4096, 4096, 4096, layout, FLOAT32) for layout in ("nn", "nt", "tn")]
CASES += [(*size, "nt", FLOAT16) for size in [(8192, 1536, 576), (8192, 576, 1536), (8192, 576, 576), (8192, 8192, 2048), (8192, 2048, 8192), (8192, 14336, 4096), (8192, 4096, 14336), (8192, 16, 2048), (8192, 2048, 16)]]
CASES += [(*size, "nn", FLOAT16) for size in [(8192, 576, 1536), (8192, 2048, 8192), (8192, 4096, 14336)]]
CASES += [(*size, "tn", FLOAT16) for size in [(576, 1536, 8192), (2048, 8192, 8192), (16, 2048, 8192), (2048, 16, 8192)]]
CASES += [(2048, 128256, 2048, "nt", FLOAT16), (2048, 2048, 128256, "nn", FLOAT16), (128256, 2048, 2048, "tn", FLOAT16), (8192, 128256, 2048, "nt", FLOAT16)]
CASES = [case for case in CASES if re.search(sys.argv[1] if len(sys.argv) > 1 else "", f"{case[0]}x{case[1]}x{case[2]} {case[3]}")]
def warm_up(f, n):
    """Runs rounds until they get no faster for 0.3 s, five at most, as gpuMatmul.ts does: both sides work at the clock that lasts."""
    started = faster = now = clock.monotonic(); best = float("inf")
    while now - faster < 0.3 and now - started < 5:
        for _ in range(n): f()
        torch.cuda.synchronize(); after = clock.monotonic()
        if after - now < 0.98 * best: best, faster = after - now, after
        now = after
def time(f, n):
    warm_up(f, n)
    s, e = torch.cuda.Event(True), torch.cuda.Event(True)
    s.record()
    for _ in range(n): f()
    e.record(); torch.cuda.synchronize()
    return s.elapsed_time(e) / n
times = {}
for m, n, k, layout, dtypes in 3 * CASES:
    for dtype in dtypes:
        a = torch.randn(*((k, m) if layout[0] == "t" else (m, k)), device="cuda", dtype=dtype)
        b = torch.randn(*((n, k) if layout[1] == "t" else (k, n)), device="cuda", dtype=dtype)
        left, right = a.T if layout[0] == "t" else a, b.T if layout[1] == "t" else b
        # From float16 to float32 where both types are asked for: what gpuMatmul.ts computes at 4096.
        products = {str(dtype)[6:]: lambda: left @ right}
        if dtype is torch.float16 and dtypes is FLOAT32: products["float16 to float32"] = lambda: torch.mm(left, right, out_dtype=torch.float32)
        for name, product in products.items():
            passes = times.setdefault((m, n, k, layout, name), [])
            passes.append(time(product, max(4, min(400, round(2e13 / (2 * m * n * k))))))
            if len(passes) < 3: continue
            slow, speed, fast = [2 * m * n * k / ms / 1e9 for ms in sorted(passes, reverse=True)]
            print(f"cublas {m}x{n}x{k} {layout} {name}: {sorted(passes)[1]*1000:.1f} us, {speed:.1f} TFLOP/s ({slow:.1f} to {fast:.1f})", flush=True)
x = torch.empty(1 << 28, device="cuda", dtype=torch.float32); y = torch.empty_like(x); ms = time(lambda: y.copy_(x), 10)
print(f"copy {8 * x.numel() / ms / 1e9:.2f} TB/s")
