import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, it, vi } from "vitest";

/**
 * A test that runs the JavaScript example of a package's README and compares what it prints with the text block behind it.
 * `testFile` is `import.meta.url` of a test in the package's `src`.
 */
export function testReadmeExample(testFile: string): void {
  it("the README's example runs and prints what the README says", async () => {
    const readme = readFileSync(new URL("../README.md", testFile), "utf8");
    const [, code, printed] = /```js\n(.*?)```.*?```text\n(.*?)```/s.exec(readme) ?? [];
    if (code === undefined) throw new Error(`${new URL("../README.md", testFile).pathname} has no js block with a text block behind it`);
    // Inside the package, so that it imports what the package can.
    const folder = new URL("../.cache/readme/", testFile);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL("example.js", folder), code);
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((...words) => void lines.push(words.join(" ")));
    await import(/* @vite-ignore */ new URL("example.js", folder).pathname);
    log.mockRestore();
    expect(`${lines.join("\n")}\n`).toBe(printed);
  });
}
