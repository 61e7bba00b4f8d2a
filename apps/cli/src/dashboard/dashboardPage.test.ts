import { hasChromium, startChromium, type Chromium, type Page } from "@sft/chromium";
import { once } from "node:events";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isDrawn, readChart } from "../testing/chartOnPage.ts";
import { dictionary, runSft, startSft } from "../testing/runSft.ts";
import { someRows, testFolder } from "../testing/testFolder.ts";
import { heldOutLine, stepLine, writtenRun } from "../testing/writtenRun.ts";

describe.skipIf(!hasChromium)("the dashboard's page, in Chromium", () => {
  let browser: Chromium;
  const ends: (() => void)[] = [];
  beforeAll(async () => void (browser = await startChromium()));
  afterAll(async () => {
    ends.forEach((end) => end());
    await browser?.close();
  });

  /** The page of the command itself, which serves the runs below root. */
  async function opened(root: string): Promise<Page> {
    const child = startSft(["dashboard", root, "--port", "0", "--json"]);
    ends.push(() => void child.kill("SIGKILL"));
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const page = await browser.open();
    await page.goto((JSON.parse(String(line)) as { address: string }).address);
    return page;
  }

  const cells = (page: Page, row = 1): Promise<string[]> =>
    page.evaluate(`[...document.querySelectorAll(".runs tbody tr:nth-child(${row}) > *")].map((cell) => cell.innerText.trim())`);
  const stepShown = (page: Page, step: string): Promise<boolean> =>
    page.until(`document.querySelector(".runs tbody tr")?.children[2].textContent === ${JSON.stringify(step)}`);

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
});
