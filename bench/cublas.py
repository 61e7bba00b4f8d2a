"""The peer's matrix products: cuBLAS through PyTorch, at the sizes that gpuMatmul.ts times. Prints TFLOP/s a line."""
import torch
torch.backends.cuda.matmul.allow_tf32 = False
SIZES = [(4096, 4096, 4096), (8192, 1536, 576), (8192, 576, 1536), (576, 1536, 8192), (8192, 8192, 2048), (8192, 2048, 8192), (8192, 14336, 4096), (1024, 128256, 2048), (8192, 128256, 2048), (8192, 16, 2048), (8192, 2048, 16), (16, 2048, 8192)]
def time(f, n):
    for _ in range(3): f()
    s, e = torch.cuda.Event(True), torch.cuda.Event(True); out = []
    for _ in range(3):
        s.record()
        for _ in range(n): f()
        e.record(); torch.cuda.synchronize(); out.append(s.elapsed_time(e) / n)
    return sorted(out)[1]
for m, n, k in SIZES:
    for dtype in (torch.float16, torch.float32):
        if dtype == torch.float32 and 2 * m * n * k > 3e12: continue
        a = torch.randn(m, k, device="cuda", dtype=dtype); b = torch.randn(n, k, device="cuda", dtype=dtype)
        ms = time(lambda: a @ b.T, max(4, min(50, round(2e12 / (2 * m * n * k)))))
        print(f"cublas {m}x{n}x{k} {str(dtype)[6:]}: {ms*1000:.1f} us, {2*m*n*k/ms/1e9:.1f} TFLOP/s", flush=True)
x = torch.empty(1 << 28, device="cuda", dtype=torch.float32); y = torch.empty_like(x); ms = time(lambda: y.copy_(x), 10)
print(f"copy {8 * x.numel() / ms / 1e9:.2f} TB/s")
