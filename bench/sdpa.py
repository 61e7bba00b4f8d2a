"""The peer's attention: PyTorch's flash kernels in float16, forward and backward, at the shapes that gpuAttention.ts times."""
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

SHAPES = [(8, 1024, 32, 8, 64), (8, 1024, 9, 3, 64), (4, 1024, 32, 8, 128)]

def median_ms(f, n=20):
    for _ in range(3): f()
    start, end, out = torch.cuda.Event(True), torch.cuda.Event(True), []
    for _ in range(3):
        start.record()
        for _ in range(n): f()
        end.record(); torch.cuda.synchronize(); out.append(start.elapsed_time(end) / n)
    return sorted(out)[1]

for batch, tokens, heads, kv_heads, size in SHAPES:
    make = lambda h: torch.randn(batch, h, tokens, size, device="cuda", dtype=torch.float16, requires_grad=True)
    q, k, v = make(heads), make(kv_heads), make(kv_heads)
    grad = torch.randn_like(q)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        run = lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv_heads)
        with torch.no_grad(): forward = median_ms(run)
        out = run()
        backward = median_ms(lambda: torch.autograd.grad(out, (q, k, v), grad, retain_graph=True))
    print(f"sdpa flash {batch}x{tokens}, {heads}/{kv_heads} heads of {size}: forward {forward*1000:.0f} us, backward {backward*1000:.0f} us, together {(forward+backward)*1000:.0f} us", flush=True)
