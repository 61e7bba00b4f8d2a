import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

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
