const bars = "▁▂▃▄▅▆▇█";

/** A curve in one line of `width` characters; more values than that are averaged in groups. */
export function sparkline(values: readonly number[], width: number): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return "";
  const groups = Math.min(width, finite.length);
  const points = Array.from({ length: groups }, (_, i) => {
    const part = finite.slice(Math.floor((i * finite.length) / groups), Math.floor(((i + 1) * finite.length) / groups));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const low = Math.min(...points);
  const range = Math.max(...points) - low || 1;
  return points.map((point) => bars[Math.min(bars.length - 1, Math.floor(((point - low) / range) * bars.length))]).join("");
}
