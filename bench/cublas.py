"""The peer's matrix products: cuBLAS through PyTorch, at the sizes and in the layouts that gpuMatmul.ts times. Prints TFLOP/s a line.
Results have the operands' type; gpuMatmul.ts says of each line which type its y has."""
import time as clock
import torch
torch.backends.cuda.matmul.allow_tf32 = False
FLOAT16, FLOAT32 = [torch.float16], [torch.float16, torch.float32]
CASES = [(4096, 4096, 4096, layout, FLOAT32) for layout in ("nn", "nt", "tn")]
CASES += [(*size, "nt", FLOAT16) for size in [(8192, 1536, 576), (8192, 576, 1536), (8192, 576, 576), (8192, 8192, 2048), (8192, 2048, 8192), (8192, 14336, 4096), (8192, 4096, 14336), (8192, 16, 2048), (8192, 2048, 16)]]
CASES += [(*size, "nn", FLOAT16) for size in [(8192, 576, 1536), (8192, 2048, 8192), (8192, 4096, 14336)]]
CASES += [(*size, "tn", FLOAT16) for size in [(576, 1536, 8192), (2048, 8192, 8192), (16, 2048, 8192), (2048, 16, 8192)]]
CASES += [(2048, 128256, 2048, "nt", FLOAT16), (2048, 2048, 128256, "nn", FLOAT16), (128256, 2048, 2048, "tn", FLOAT16), (8192, 128256, 2048, "nt", FLOAT16)]
def time(f, n):
    warm_up(f, n)
    s, e = torch.cuda.Event(True), torch.cuda.Event(True); out = []
    for _ in range(3):
        s.record()
        for _ in range(n): f()
        e.record(); torch.cuda.synchronize(); out.append(s.elapsed_time(e) / n)
    return sorted(out)[1]
def warm_up(f, n):
    """Runs rounds until they get no faster for a second, five at most, as warmUp.ts does: both sides work at the clock that lasts."""
    started = faster = clock.monotonic(); best = float("inf"); now = started
    while now - faster < 1 and now - started < 5:
        for _ in range(n): f()
        torch.cuda.synchronize(); after = clock.monotonic()
        if after - now < 0.98 * best: best, faster = after - now, after
        now = after
for m, n, k, layout, dtypes in CASES:
    for dtype in dtypes:
        a = torch.randn(*((k, m) if layout[0] == "t" else (m, k)), device="cuda", dtype=dtype)
        b = torch.randn(*((n, k) if layout[1] == "t" else (k, n)), device="cuda", dtype=dtype)
        left, right = a.T if layout[0] == "t" else a, b.T if layout[1] == "t" else b
        repeat = max(4, min(400, round(2e13 / (2 * m * n * k))))
        # From float16 to float32 where both types are asked for: what gpuMatmul.ts computes at 4096.
        products = {str(dtype)[6:]: lambda: left @ right}
        if dtype is torch.float16 and dtypes is FLOAT32: products["float16 to float32"] = lambda: torch.mm(left, right, out_dtype=torch.float32)
        for name, product in products.items():
            try: ms = time(product, repeat)
            except (RuntimeError, TypeError) as error: print(f"cublas {m}x{n}x{k} {layout} {name}: not timed, {error}", flush=True); continue
            print(f"cublas {m}x{n}x{k} {layout} {name}: {ms*1000:.1f} us, {2*m*n*k/ms/1e9:.1f} TFLOP/s", flush=True)
x = torch.empty(1 << 28, device="cuda", dtype=torch.float32); y = torch.empty_like(x); ms = time(lambda: y.copy_(x), 10)
print(f"copy {8 * x.numel() / ms / 1e9:.2f} TB/s")
