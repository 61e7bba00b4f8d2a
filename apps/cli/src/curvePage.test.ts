import { hasChromium, startChromium, type Chromium, type Page } from "@sft/chromium";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { curvePage } from "./curvePage.ts";
import { paintOf, placeOfChart, readChart } from "./testing/chartOnPage.ts";
import { testFolder } from "./testing/testFolder.ts";

describe.skipIf(!hasChromium).concurrent("curves, in Chromium", () => {
  let browser: Chromium;
  beforeAll(async () => void (browser = await startChromium()));
  afterAll(() => browser?.close());

  /** A page with curves of its own, without runs; `show` draws these. */
  async function opened(): Promise<Page> {
    const path = join(await testFolder(), "page.html");
    const body = `<div id="chosen"></div><div id="curves"></div><div id="own"></div>`;
    await writeFile(path, await curvePage({ title: "curves", generator: "a test", body, data: [], script: "report" }));
    const page = await browser.open();
    await page.goto(pathToFileURL(path).href);
    await page.evaluate(`void (globalThis.own = sftCurves(document.getElementById("own")))`);
    return page;
  }

  async function show(page: Page, losses: readonly (number | null)[]): Promise<void> {
    const run = { name: "mine", slot: 0, step: losses.map((_, index) => index + 1), loss: losses };
    const others = { learningRate: [], gradNorm: [], tokensPerSecond: [], heldOutStep: [], heldOutLoss: [] };
    await page.evaluate(`own.show([${JSON.stringify({ ...run, ...others })}])`);
  }

  const smooth = (page: Page, weight: number): Promise<void> =>
    page.evaluate(`(() => {
      const slider = document.querySelector("#own input");
      slider.value = "${weight}";
      slider.dispatchEvent(new Event("input"));
    })()`);

  const zigzag = (count: number): number[] => Array.from({ length: count }, (_, index) => (index % 2 === 0 ? 3 : 1));

  test("smoothed, they are the moving average without the pull of its start; gaps stay gaps", async () => {
    const page = await opened();
    await show(page, [4, null, 2, 1]);
    await smooth(page, 0.5);
    // 4; (4/4 + 2/2) / (3/4); (4/8 + 2/4 + 1/2) / (7/8).
    expect([...(await readChart(page, "loss")).values()].flat()).toEqual(["4", "–", "2.6667", "1.7143"]);
    expect(page.complaints).toEqual([]);
  });

  test("a zoomed view stays where it is while its curves grow and are smoothed, and is drawn anew", async () => {
    const page = await opened();
    await show(page, zigzag(41));
    const { left, top, width } = await placeOfChart(page, "loss");
    // From step 10.5 to 21.5, of 1 to 41.
    const [from, to] = [left + (width * 9.5) / 40, left + (width * 20.5) / 40];
    await page.mouse(from, top + 40, "down");
    await page.mouse(to, top + 60);
    await page.mouse(to, top + 60, "up");
    const steps = async (): Promise<number[]> => [...(await readChart(page, "loss")).keys()];
    const zoomed = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21];
    expect(await steps()).toEqual(zoomed);
    const before = await paintOf(page, "loss");
    await show(page, zigzag(60));
    expect(await steps()).toEqual(zoomed);
    expect(await paintOf(page, "loss")).toBe(before);
    await smooth(page, 0.9);
    expect(await paintOf(page, "loss")).not.toBe(before);
    expect(await steps()).toEqual(zoomed);
  });

  test("a curve that has grown looks like one that was long from its start", async () => {
    const page = await opened();
    await show(page, zigzag(2));
    await show(page, zigzag(60));
    const grown = await paintOf(page, "loss");
    const other = await opened();
    await show(other, zigzag(60));
    expect(grown).toBe(await paintOf(other, "loss"));
  });
});
