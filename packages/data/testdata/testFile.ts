import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A file of this name and content that goes away when the running test ends. */
export function testFile(name: string, content: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "sft-data-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
