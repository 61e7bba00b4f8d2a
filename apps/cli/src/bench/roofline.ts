import type { KernelTiming } from "@sft/kernels-webgpu/node";
import type { Ceilings } from "./ceilings.ts";
import { addUp, shareOfCeiling } from "./profileTable.ts";

/** What was measured, in words. */
export interface RooflineSubject {
  readonly command: string;
  readonly adapter: string;
  readonly date: string;
}

/**
 * A page in Markdown: each op's operations a byte, what it attained and what the machine's measured ceilings allow at that intensity
 * (Williams, Waterman & Patterson 2009).
 */
export function rooflinePage(timings: readonly KernelTiming[], ceilings: Ceilings, { command, adapter, date }: RooflineSubject): string {
  const total = timings.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const { flopsPerSecond, bytesPerSecond } = ceilings;
  const rows = addUp(timings, ({ op }) => op).map((row) => {
    const { name, calls, milliseconds, flops, bytes } = row;
    const intensity = flops / bytes;
    const bound = flops / flopsPerSecond > bytes / bytesPerSecond ? "operations" : "bytes";
    const rate =
      bound === "operations" ? `${(flops / milliseconds / 1e9).toFixed(1)} TFLOP/s` : `${(bytes / milliseconds / 1e6).toFixed(0)} GB/s`;
    const cells = [
      name,
      String(calls),
      milliseconds.toFixed(2),
      `${((100 * milliseconds) / total).toFixed(1)} %`,
      flops === 0 ? "" : intensity.toFixed(0),
      bound,
      rate,
      shareOfCeiling(row, ceilings).toFixed(2),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return `# Roofline
Written by \`${command}\` on ${date}, on ${adapter}. Every figure is of that one run, each kernel launch timed by the device's own clock; it is written anew, not edited.

Ceilings measured in the same run: **${(flopsPerSecond / 1e12).toFixed(1)} TFLOP/s**, a product of 4096 x 4096 x 4096, and **${(bytesPerSecond / 1e9).toFixed(0)} GB/s**, a copy of 512 MiB. They meet at ${(flopsPerSecond / bytesPerSecond).toFixed(0)} operations a byte: an op with more is bound by operations, one with fewer by bytes.

Operations are those of products and attention (\`estimateFlops\`: attention counts the whole square of scores, of which a causal one skips half, so it can pass the ceiling). Bytes are those of every buffer a launch binds, as if each were moved once, or read and written where it is updated in place: an op that binds more than it reads, or finds it in a cache, can pass the copy's rate. "Of ceiling" is the time that the ceilings allow over the time taken.

| op | launches | ms | share | operations a byte | bound by | attained | of ceiling |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}

${timings.length} launches, ${total.toFixed(1)} ms when timed one by one; a step without timing overlaps them and takes less.
`;
}
