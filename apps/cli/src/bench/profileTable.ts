import type { KernelTiming } from "@sft/kernels-webgpu/node";
import type { Ceilings } from "./ceilings.ts";

/** Launches added up. */
export interface ProfileRow {
  readonly name: string;
  readonly calls: number;
  readonly milliseconds: number;
  readonly flops: number;
  readonly bytes: number;
}

/** Adds launches up by a name, the longest row first. */
export function addUp(timings: readonly KernelTiming[], nameOf: (timing: KernelTiming) => string): readonly ProfileRow[] {
  const rows = new Map<string, ProfileRow>();
  for (const timing of timings) {
    const name = nameOf(timing);
    const row = rows.get(name) ?? { name, calls: 0, milliseconds: 0, flops: 0, bytes: 0 };
    rows.set(name, {
      name,
      calls: row.calls + 1,
      milliseconds: row.milliseconds + timing.milliseconds,
      flops: row.flops + timing.flops,
      bytes: row.bytes + timing.boundBytes,
    });
  }
  return [...rows.values()].toSorted((a, b) => b.milliseconds - a.milliseconds);
}

/** The share of its time that a row would need at the ceilings: for its operations or its bytes, whichever takes longer. */
export function shareOfCeiling({ milliseconds, flops, bytes }: ProfileRow, { flopsPerSecond, bytesPerSecond }: Ceilings): number {
  return Math.max(flops / flopsPerSecond, bytes / bytesPerSecond) / (milliseconds / 1000);
}

/**
 * Where the device's time went, a line a kernel and product shape, the most first: share of all, calls, milliseconds, the rate by
 * operations and by bytes, and the share of the machine's measured ceiling. Launches are timed one by one, so their sum is
 * more than a step takes.
 */
export function profileTable(timings: readonly KernelTiming[], lines: number, ceilings: Ceilings | undefined): string {
  const total = timings.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const rows = addUp(timings, ({ op, kernel, shape }) => `${op}: ${kernel}${shape === "" ? "" : `, ${shape}`}`).slice(0, lines);
  const text = rows.map((row) => {
    const { name, calls, milliseconds, flops, bytes } = row;
    const columns = [
      `${((100 * milliseconds) / total).toFixed(1).padStart(5)} %`,
      `${String(calls).padStart(5)} x`,
      `${milliseconds.toFixed(2).padStart(9)} ms`,
      flops > 0 ? `${(flops / milliseconds / 1e9).toFixed(1).padStart(6)} TFLOP/s` : " ".repeat(14),
      `${(bytes / milliseconds / 1e6).toFixed(0).padStart(5)} GB/s`,
      ...(ceilings ? [`${shareOfCeiling(row, ceilings).toFixed(2).padStart(5)} of ceiling`] : []),
    ];
    return `${columns.join(" ")}  ${name}`;
  });
  const measured = ceilings
    ? [
        `Ceilings of this run: ${(ceilings.flopsPerSecond / 1e12).toFixed(1)} TFLOP/s (a product of 4096^3), ${(ceilings.bytesPerSecond / 1e9).toFixed(0)} GB/s (a copy).`,
      ]
    : [];
  return [...measured, `${timings.length} kernel launches, ${total.toFixed(1)} ms on the device when timed one by one`, ...text].join("\n");
}
