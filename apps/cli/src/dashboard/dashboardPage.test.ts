import { hasChromium, startChromium, type Chromium, type Page } from "@sft/chromium";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isDrawn, readChart } from "../testing/chartOnPage.ts";
import { cells, stepShown } from "../testing/dashboardOnPage.ts";
import { dictionary, runSft } from "../testing/runSft.ts";
import { serveDashboard, type ServedDashboard } from "../testing/serveDashboard.ts";
import { someRows, testFolder } from "../testing/testFolder.ts";
import { heldOutLine, stepLine, writtenRun } from "../testing/writtenRun.ts";

describe.skipIf(!hasChromium).concurrent("the dashboard's page, in Chromium", () => {
  let browser: Chromium;
  const ends: (() => void)[] = [];
  beforeAll(async () => void (browser = await startChromium()));
  afterAll(async () => {
    ends.forEach((end) => end());
    await browser?.close();
  });

  /** Starts the command itself for the runs below root. */
  async function served(root: string, port?: string): Promise<ServedDashboard> {
    const dashboard = await serveDashboard(root, port);
    ends.push(dashboard.kill);
    return dashboard;
  }

  async function opened(root: string): Promise<Page> {
    const { address } = await served(root);
    const page = await browser.open();
    await page.goto(address);
    return page;
  }

  test("a run that was trained: the loss of each step is what metrics.jsonl says", async () => {
    const root = await testFolder();
    const flags = ["--base-model", dictionary.model, "--datasets", await someRows(root, 6), "--max-steps", "5", "--val-set-size", "2"];
    await runSft(["train", ...flags, "--micro-batch-size", "1", "--backend", "cpu", "--quiet", "--output-dir", "mine"], { cwd: root });
    const page = await opened(root);
    const lines = (await readFile(join(root, "mine/metrics.jsonl"), "utf8")).trimEnd().split("\n");
    const losses = lines.map((line) => JSON.parse(line) as { step: number; loss?: number }).filter(({ loss }) => loss !== undefined);
    const read = await readChart(page, "loss");
    expect([...read.keys()]).toEqual([1, 2, 3, 4, 5]);
    // Five digits are shown, of six that are sent.
    for (const { step, loss } of losses) expect(Math.abs(Number(read.get(step)![0]) / loss! - 1)).toBeLessThan(1e-4);
    expect((await cells(page)).slice(0, 4)).toEqual(["mine", "done", "5 of 5", losses[4]!.loss!.toFixed(4)]);
    for (const title of ["held-out loss", "learning rate", "gradient norm", "tokens/s"])
      expect(await isDrawn(page, title), title).toBe(true);
    expect(page.complaints).toEqual([]);
    const { origin } = new URL(page.requests[0]!);
    expect(page.requests.filter((address) => !address.startsWith(origin) && !address.startsWith("data:"))).toEqual([]);
  });

  test("a run that has not begun appears when it does, and its curves grow with metrics.jsonl, by whole lines", async () => {
    const root = join(await testFolder(), "runs");
    const page = await opened(root);
    await page.until(`document.getElementById("note").textContent.includes("No runs below")`);
    const metrics = await writtenRun(root, "live", "", 9);
    await stepShown(page, "0 of 9");
    expect(await cells(page)).toEqual(["live", "in progress", "0 of 9", "–", "–", "–", "–", expect.any(String)]);
    expect(await isDrawn(page, "loss")).toBe(false);
    await appendFile(metrics, stepLine(1, 4) + stepLine(2, 3.5));
    await stepShown(page, "2 of 9");
    expect([...(await readChart(page, "loss")).values()].flat()).toEqual(["4", "3.5"]);
    const half = stepLine(3, 3.25).slice(0, 25);
    await appendFile(metrics, half);
    await page.evaluate("new Promise((done) => setTimeout(done, 1500))");
    expect((await cells(page))[2]).toBe("2 of 9");
    await appendFile(metrics, stepLine(3, 3.25).slice(half.length) + heldOutLine(3, 3));
    await stepShown(page, "3 of 9");
    expect([...(await readChart(page, "loss"))].at(-1)).toEqual([3, ["3.25"]]);
    expect(await readChart(page, "held-out loss")).toEqual(new Map([[3, ["3"]]]));
    expect(page.complaints).toEqual([]);
  });

  test("of steps that were taken twice, the later count; a run begun anew stays chosen", async () => {
    const root = await testFolder();
    const old = [1, 2, 3, 4].map((step) => stepLine(step, 10 - step)).join("") + heldOutLine(4, 7);
    const metrics = await writtenRun(root, "resumed", old, 9);
    const page = await opened(root);
    await stepShown(page, "4 of 9");
    expect([...(await readChart(page, "loss")).keys()]).toEqual([1, 2, 3, 4]);
    await appendFile(metrics, stepLine(3, 5));
    await stepShown(page, "3 of 9");
    expect([...(await readChart(page, "loss"))]).toEqual([
      [1, ["9"]],
      [2, ["8"]],
      [3, ["5"]],
    ]);
    expect(await isDrawn(page, "held-out loss")).toBe(false);
    // Begun anew, as with --overwrite.
    await rm(metrics);
    await page.until(`document.querySelectorAll(".runs tbody tr").length === 0`);
    await writeFile(metrics, stepLine(1, 2));
    await stepShown(page, "1 of 9");
    expect([...(await readChart(page, "loss"))]).toEqual([[1, ["2"]]]);
  });

  test("losses that are not finite are gaps, and a run of them alone says so", async () => {
    const root = await testFolder();
    const page = await opened(root);
    const metrics = await writtenRun(root, "blown", [4, null, 3].map((loss, index) => stepLine(index + 1, loss)).join(""), 9);
    await stepShown(page, "3 of 9");
    expect([...(await readChart(page, "loss"))]).toEqual([
      [1, ["4"]],
      [2, ["–"]],
      [3, ["3"]],
    ]);
    await appendFile(metrics, [4, 5, 6, 7, 8].map((step) => stepLine(step, null)).join(""));
    await stepShown(page, "8 of 9");
    expect((await cells(page)).slice(1, 4)).toEqual(["not finite", "8 of 9", "not finite"]);
    expect([...(await readChart(page, "loss"))].slice(2, 4)).toEqual([
      [3, ["3"]],
      [4, ["–"]],
    ]);
    await writeFile(metrics, stepLine(1, null));
    await stepShown(page, "1 of 9");
    expect(await isDrawn(page, "loss")).toBe(false);
    expect(page.complaints).toEqual([]);
  });

  test("a click that an update falls into still chooses its run; runs lie over each other; HTML in names stays text", async () => {
    const root = await testFolder();
    const first = await writtenRun(root, "<img src=x>", stepLine(1, 4) + stepLine(2, 3), 9);
    await writtenRun(root, "b", [5, 3.5, 2].map((loss, index) => stepLine(index + 1, loss)).join(""), 9);
    const page = await opened(root);
    const row = `[...document.querySelectorAll(".runs tbody tr")].find((row) => !row.querySelector("input").checked)`;
    const { left, top } = await page.until<{ left: number; top: number }>(`${row}?.children[3].getBoundingClientRect().toJSON()`);
    await page.mouse(left + 5, top + 5, "down");
    await appendFile(first, stepLine(3, 2.5));
    await page.until(`[...document.querySelectorAll(".runs tbody tr")].some((row) => row.children[3].textContent === "2.5000")`);
    await page.mouse(left + 5, top + 5, "up");
    await page.until(`document.querySelectorAll(".runs input:checked").length === 2`);
    await page.until(`document.querySelectorAll("figure:not([hidden]) .u-legend .u-series").length === 3 * 4`);
    const read = await readChart(page, "loss");
    const names = await page.evaluate<string[]>(
      `[...document.querySelector("figure").querySelectorAll(".u-legend th")].map((cell) => cell.textContent)`,
    );
    const [a, b] = [names.indexOf("<img src=x>") - 1, names.indexOf("b") - 1];
    expect([...read].map(([step, values]) => [step, values[a], values[b]])).toEqual([
      [1, "4", "5"],
      [2, "3", "3.5"],
      [3, "2.5", "2"],
    ]);
    expect(await page.evaluate("document.images.length")).toBe(0);
    expect(page.complaints).toEqual([]);
  });

  test("when the dashboard is started again the page goes on, with what the file holds by then", async () => {
    const root = await testFolder();
    const metrics = await writtenRun(root, "mine", [1, 2, 3].map((step) => stepLine(step, 4)).join(""), 9);
    // Below the ports that systems give to whoever asks for a free one: none may take it in between.
    const port = String(20_000 + Math.floor(Math.random() * 10_000));
    const first = await served(root, port);
    const page = await browser.open();
    await page.goto(first.address);
    await stepShown(page, "3 of 9");
    await first.end();
    await page.until(`document.getElementById("note").textContent.includes("does not answer")`);
    await writeFile(metrics, [1, 2, 3].map((step) => stepLine(step, step)).join(""));
    await served(root, port);
    await page.until(`document.getElementById("note").textContent === ""`);
    await page.until(`document.querySelector("canvas").ariaLabel.includes("last 3 at step 3")`);
    expect([...(await readChart(page, "loss")).values()]).toEqual([["1"], ["2"], ["3"]]);
  });

  test("100,000 steps are drawn, and grow, without a stall", async () => {
    const root = await testFolder();
    const loss = (step: number): number => 2 + Math.sin(step / 1000) + (step % 7) / 70;
    const metrics = await writtenRun(
      root,
      "long",
      Array.from({ length: 100_000 }, (_, index) => stepLine(index + 1, loss(index + 1))).join(""),
      200_000,
    );
    const page = await opened(root);
    const begun = performance.now();
    await page.until(`document.querySelector("figure:not([hidden]) .u-over")`);
    const first = performance.now() - begun;
    await page.evaluate(`void (() => {
      globalThis.longest = 0;
      let last = performance.now();
      const tick = (now) => { longest = Math.max(longest, performance.now() - last); last = performance.now(); setTimeout(tick, 0); };
      tick();
    })()`);
    for (let step = 100_001; step <= 100_004; step++) {
      await appendFile(metrics, stepLine(step, loss(step)));
      await stepShown(page, `${step} of 200000`);
    }
    const longest = await page.evaluate<number>("longest");
    // News comes each second: a page that needs longer for it never comes to rest. Measured: 80 ms.
    expect(longest).toBeLessThan(1000);
    expect(first).toBeLessThan(10_000);
    console.log(`100,000 steps: drawn after ${Math.round(first)} ms, longest stall of the page while it grows ${Math.round(longest)} ms`);
  });
});
