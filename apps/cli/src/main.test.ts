import { once } from "node:events";
import { openSync } from "node:fs";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

// Only Linux has a device that is always full.
test.runIf(process.platform === "linux")("what cannot be printed on a full disk is a failure that is told", async () => {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), "--conditions", "@sft/source", main, "--help"], {
    stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
  });
  const [stderr, [exitCode]] = await Promise.all([text(child.stderr!), once(child, "exit")]);
  expect([exitCode, stderr]).toEqual([
    1,
    "error: Standard output cannot be written (ENOSPC).\nFree some space there, or print elsewhere.\n",
  ]);
});
