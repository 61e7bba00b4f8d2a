import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testFolder } from "../testing/testFolder.ts";
import { openerOf, openInBrowser } from "./openInBrowser.ts";

describe.concurrent("openInBrowser", () => {
  test("each platform has its opener", () => {
    expect(openerOf("darwin")).toEqual(["open"]);
    expect(openerOf("win32")).toEqual(["cmd", "/c", "start", ""]);
    for (const platform of ["linux", "freebsd"] as const) expect(openerOf(platform)).toEqual(["xdg-open"]);
  });

  test("the opener is given the address, as one word", async () => {
    const folder = await testFolder();
    const script = join(folder, "opener.mjs");
    await writeFile(
      script,
      `import { writeFileSync } from "node:fs"; writeFileSync(process.argv[2], JSON.stringify(process.argv.slice(3)));`,
    );
    const heard = join(folder, "heard.json");
    const address = "http://127.0.0.1:6420/?a=1&b=$(c)";
    expect(await openInBrowser(address, [process.execPath, script, heard])).toBeUndefined();
    expect(JSON.parse(await readFile(heard, "utf8"))).toEqual([address]);
  });

  test("an opener that is not there, and one that finds no browser, are said; one that stays is a browser", async () => {
    const folder = await testFolder();
    expect(await openInBrowser("http://127.0.0.1", [join(folder, "no-opener")])).toBe(`there is no ${join(folder, "no-opener")} here`);
    const ended = await openInBrowser("http://127.0.0.1", [process.execPath, "-e", "process.exitCode = 3"]);
    expect(ended).toBe(`${process.execPath} found no browser (it ended with 3)`);
    expect(await openInBrowser("http://127.0.0.1", [process.execPath, "-e", "setTimeout(() => {}, 3000)"], 200)).toBeUndefined();
  });
});
