import { hasChromium, startChromium, type Chromium, type Page } from "@sft/chromium";
import { appendFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isDrawn, readChart } from "../testing/chartOnPage.ts";
import { runSft } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import { heldOutLine, stepLine, writtenRun } from "../testing/writtenRun.ts";

describe.skipIf(!hasChromium).concurrent("the report's page, in Chromium without a network", () => {
  let browser: Chromium;
  beforeAll(async () => void (browser = await startChromium()));
  afterAll(() => browser?.close());

  /** The page that the command writes of these runs below root. */
  async function opened(root: string, names: readonly string[], { scripts = true } = {}): Promise<Page> {
    const { stdout, stderr } = await runSft(["report", ...names, "--html", "page.html"], { cwd: root });
    expect([stdout, stderr]).toEqual(["wrote page.html\n", ""]);
    const page = await browser.open();
    await page.send("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await page.send("Emulation.setScriptExecutionDisabled", { value: !scripts });
    const address = pathToFileURL(join(root, "page.html")).href;
    await page.goto(address);
    expect(page.requests.filter((one) => !one.startsWith("data:"))).toEqual([address]);
    return page;
  }

  /** What a screen reader finds of one role: the names. */
  async function spoken(page: Page, role: string): Promise<string[]> {
    const { nodes } = (await page.send("Accessibility.getFullAXTree")) as {
      nodes: { ignored: boolean; role: { value: string }; name?: { value: string } }[];
    };
    return nodes.filter((node) => !node.ignored && node.role.value === role).map((node) => node.name?.value ?? "");
  }

  /** The first table, as it is seen. */
  const figures = async (page: Page): Promise<Record<string, string[]>> =>
    Object.fromEntries(
      (
        await page.evaluate<string[][]>(
          `[...document.querySelector(".wide table").rows].map((row) => [...row.cells].map((cell) => cell.innerText))`,
        )
      ).map(([head, ...cells]) => [head!, cells]),
    );

  const lines = (losses: readonly (number | null)[]): string => losses.map((loss, index) => stepLine(index + 1, loss)).join("");

  test("shows the losses of several runs, gaps where they are not finite, and says them to those who hear", async () => {
    const root = await testFolder();
    await writtenRun(root, "a", `${heldOutLine(0, 5)}${lines([4, null, 3])}${heldOutLine(3, 3.5)}{"step":4,"lo`, 9);
    await writtenRun(root, "b", lines([4.5, 3.5, 2.5]), 3);
    const page = await opened(root, ["a", "b"]);
    expect([...(await readChart(page, "loss"))]).toEqual([
      [1, ["4", "4.5"]],
      [2, ["–", "3.5"]],
      [3, ["3", "2.5"]],
    ]);
    expect((await spoken(page, "image")).slice(0, 2)).toEqual([
      "loss of a: first 4 at step 1, last 3 at step 3, lowest 3 at step 3, highest 4 at step 1; b: first 4.5 at step 1, last 2.5 at step 3, lowest 2.5 at step 3, highest 4.5 at step 1",
      "held-out loss of a: first 5 at step 0, last 3.5 at step 3, lowest 3.5 at step 3, highest 5 at step 0",
    ]);
    expect(await spoken(page, "checkbox")).toEqual(["a", "b"]);
    expect(await spoken(page, "slider")).toEqual(["smoothing"]);
    expect((await spoken(page, "rowheader")).slice(0, 2)).toEqual(["state", "model"]);
    expect((await spoken(page, "columnheader")).slice(0, 2)).toEqual(["a", "b"]);
    expect(await figures(page)).toMatchObject({
      state: ["in progress at step 3 of 9", "done"],
      loss: ["first 4.0000 (step 1), last 3.0000 (step 3), best 3.0000 (step 3)", expect.stringContaining("last 2.5000")],
      "not finite": ["1 step: 2", "–"],
    });
    await page.evaluate(`document.querySelector("#chosen input").click()`);
    expect([...(await readChart(page, "loss")).values()]).toEqual([["4.5"], ["3.5"], ["2.5"]]);
    expect(await isDrawn(page, "held-out loss")).toBe(false);
    expect(page.complaints).toEqual([]);
  });

  test("is read without JavaScript, save for the curves, which it says", async () => {
    const root = await testFolder();
    await writtenRun(root, "mine", lines([4, 3]), 2);
    const page = await opened(root, ["mine"], { scripts: false });
    expect(await figures(page)).toMatchObject({
      state: ["done"],
      loss: ["first 4.0000 (step 1), last 3.0000 (step 2), best 3.0000 (step 2)"],
    });
    expect(await page.evaluate("document.body.innerText")).toContain("The curves need JavaScript");
    expect(await page.evaluate("document.querySelectorAll('canvas').length")).toBe(0);
  });

  test("of steps that were taken twice after a resume, the later count", async () => {
    const root = await testFolder();
    const metrics = await writtenRun(root, "resumed", lines([9, 8, 7, 6]), 9);
    await appendFile(metrics, stepLine(3, 5));
    const page = await opened(root, ["resumed"]);
    expect([...(await readChart(page, "loss"))]).toEqual([
      [1, ["9"]],
      [2, ["8"]],
      [3, ["5"]],
    ]);
    expect(await figures(page)).toMatchObject({
      tokens: ["300, 25.0 % supervised"],
      loss: [expect.stringContaining("last 5.0000 (step 3)")],
    });
  });

  test("a run that has not begun, and one without a finite loss, have figures and no curve of it", async () => {
    const root = await testFolder();
    await writtenRun(root, "empty", "", 9);
    await writtenRun(root, "blown", lines([null, null, null, null, null]), 9);
    const empty = await opened(root, ["empty"]);
    expect(await figures(empty)).toMatchObject({ state: ["in progress at step 0 of 9"], steps: ["0"], checkpoints: ["none"] });
    expect(await empty.evaluate(`[...document.querySelectorAll("figure, .bar")].filter((one) => one.checkVisibility()).length`)).toBe(0);
    const blown = await opened(root, ["blown"]);
    expect(await figures(blown)).toMatchObject({ "not finite": ["5 steps: 1, 2, 3, 4, 5"] });
    expect(await isDrawn(blown, "learning rate")).toBe(true);
    expect(await isDrawn(blown, "loss")).toBe(false);
    expect([...empty.complaints, ...blown.complaints]).toEqual([]);
  });

  test("100,000 steps are a file that opens at once", async () => {
    const root = await testFolder();
    await writtenRun(root, "long", lines(Array.from({ length: 100_000 }, (_, index) => 2 + Math.sin(index / 1000))), 100_000);
    const begun = performance.now();
    const page = await opened(root, ["long"]);
    const written = performance.now() - begun;
    await page.until(`document.querySelector("figure:not([hidden]) .u-over")`);
    const ready = await page.evaluate<number>("performance.timing.loadEventEnd - performance.timing.navigationStart");
    const { size } = await stat(join(root, "page.html"));
    console.log(
      `100,000 steps: ${(size / 1e6).toFixed(1)} MB, written and opened in ${Math.round(written)} ms, of which the browser took ${ready} ms`,
    );
    expect(ready).toBeLessThan(10_000);
    expect(size).toBeLessThan(10e6);
  });
});
