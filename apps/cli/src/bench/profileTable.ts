import type { KernelTiming } from "@sft/kernels-webgpu/node";

interface Row {
  readonly name: string;
  readonly calls: number;
  readonly milliseconds: number;
  readonly flops: number;
  readonly bytes: number;
}

/**
 * Where the device's time went, a line a kernel and product shape, the most first: share of all, calls, milliseconds, and the rate by
 * operations (2 m n k, for products) and by bytes bound. Launches are timed one by one, so their sum is more than a step takes.
 */
export function profileTable(timings: readonly KernelTiming[], lines: number): string {
  const rows = new Map<string, Row>();
  for (const {
    op,
    kernel,
    parameters: { m, n, k },
    milliseconds,
    boundBytes,
  } of timings) {
    const product = m !== undefined && n !== undefined && k !== undefined;
    const name = `${op}: ${kernel}${product ? `, ${m} x ${n} x ${k}` : ""}`;
    const row = rows.get(name);
    rows.set(name, {
      name,
      calls: (row?.calls ?? 0) + 1,
      milliseconds: (row?.milliseconds ?? 0) + milliseconds,
      flops: (row?.flops ?? 0) + (product ? 2 * m * n * k : 0),
      bytes: (row?.bytes ?? 0) + boundBytes,
    });
  }
  const total = timings.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const sorted = [...rows.values()].sort((a, b) => b.milliseconds - a.milliseconds).slice(0, lines);
  const text = sorted.map(({ name, calls, milliseconds, flops, bytes }) => {
    const rate = flops > 0 ? `${(flops / milliseconds / 1e9).toFixed(0)} TFLOP/s` : `${(bytes / milliseconds / 1e6).toFixed(0)} GB/s`;
    return `${((100 * milliseconds) / total).toFixed(1).padStart(5)} % ${String(calls).padStart(5)} x ${milliseconds.toFixed(2).padStart(9)} ms ${rate.padStart(13)}  ${name}`;
  });
  return [`${timings.length} kernel launches, ${total.toFixed(1)} ms on the device when timed one by one`, ...text].join("\n");
}
