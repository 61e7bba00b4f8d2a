import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, it, vi } from "vitest";

it("the README's example runs and prints what the README says", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, code, printed] = /```js\n(.*?)```.*?```text\n(.*?)```/s.exec(readme) as RegExpExecArray;
  const folder = new URL("../.cache/readme/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("example.js", folder), code);
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words) => void lines.push(words.join(" ")));
  await import(/* @vite-ignore */ new URL("example.js", folder).pathname);
  log.mockRestore();
  expect(`${lines.join("\n")}\n`).toBe(printed);
});
