import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createTokenizer } from "./index.ts";

test("the README's first example prints what it says", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const block = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const [importLine, ...lines] = block.split("\n");
  expect(importLine).toBe('import { createTokenizer } from "@sft/tokenizer";');
  const printed: unknown[] = [];
  new Function("createTokenizer", "console", lines.join("\n"))(createTokenizer, { log: (value: unknown) => printed.push(value) });
  expect(printed).toEqual([
    { ids: Int32Array.of(8, 2, 9), offsets: Int32Array.of(0, 2, 2, 3, 3, 8) },
    Int32Array.of(8, 2, 3, 4, 5, 6, 7),
    "Hi!<end>",
  ]);
});

test("the main entry needs nothing but its own files, so that it runs in a browser", () => {
  const seen = new Set<string>();
  const outside: string[] = [];
  const visit = (url: URL): void => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    for (const [, specifier] of readFileSync(url, "utf8").matchAll(/from "([^"]+)"/g)) {
      if (specifier.startsWith(".")) visit(new URL(specifier, url));
      else outside.push(`${url.pathname}: ${specifier}`);
    }
  };
  visit(new URL("./index.ts", import.meta.url));
  expect(outside).toEqual([]);
  expect(seen.size).toBeGreaterThan(20);
});
