import { availableParallelism } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { chooseThreads, defaultThreads } from "./chooseThreads.ts";

const cores = availableParallelism();
afterEach(() => vi.unstubAllEnvs());

test("SFT_THREADS is used up to the cores, and only where nothing else says how many", async () => {
  for (const [text, expected] of [
    ["1", 1],
    ["007", Math.min(7, cores)],
    ["200", Math.min(200, cores)],
    ["9".repeat(400), cores],
    ["", Math.min(16, cores)],
  ] as const) {
    vi.stubEnv("SFT_THREADS", text);
    expect(await defaultThreads(), text).toBe(expected);
    expect(await chooseThreads(undefined, "float32"), text).toBe(expected);
  }
  vi.stubEnv("SFT_THREADS", "1");
  expect(await chooseThreads(3, "float32")).toBe(3);
  vi.stubEnv("SFT_THREADS", "many");
  expect(await chooseThreads(3, "float32")).toBe(3);
  expect(await chooseThreads(undefined, "float64")).toBe(1);
});

test.each(["0", "-2", "1.5", "many", "0x10", "1e2", " 4", "NaN", "Infinity", "4 threads"])("SFT_THREADS=%j is refused", async (text) => {
  vi.stubEnv("SFT_THREADS", text);
  const message = `SFT_THREADS: expected a whole number of threads from 1 on, got ${JSON.stringify(text)}`;
  const refused = expect.objectContaining({
    code: "bad-option",
    message: expect.stringContaining(message),
    hint: expect.stringContaining("unset"),
  });
  await expect(chooseThreads(undefined, "float32")).rejects.toEqual(refused);
});

test("more threads than 16 and than the cores are refused, not started", async () => {
  const most = Math.max(16, cores);
  expect(await chooseThreads(most, "float32")).toBe(most);
  for (const asked of [0, -1, 2.5, Number.NaN, most + 1, Number.POSITIVE_INFINITY])
    await expect(chooseThreads(asked, "float32"), String(asked)).rejects.toThrow(`from 1 to ${most}, got ${asked}`);
});
