import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { sha256 } from "./sha256.ts";

it.each(["", "abc", "é👩‍💻", "a".repeat(55), "a".repeat(56), "a".repeat(64), "x".repeat(100_000)])("is Node's SHA-256", (text) => {
  expect(sha256(text)).toBe(createHash("sha256").update(text).digest("hex"));
});
