import type { Page } from "@sft/chromium";

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const chart = (title: string): string => `[...document.querySelectorAll("figure:not([hidden])")].find((one) =>
  one.querySelector("figcaption")?.textContent.replace(" (log scale)", "") === ${JSON.stringify(title)})`;

/** Whether a chart of this title is to be seen. */
export const isDrawn = (page: Page, title: string): Promise<boolean> => page.evaluate(`Boolean(${chart(title)})`);

/** Where a chart's curves lie in the window, once it is drawn and brought into view. */
export async function placeOfChart(page: Page, title: string): Promise<Box> {
  await page.until(`${chart(title)}?.querySelector(".u-over")`);
  return page.evaluate<Box>(`(() => {
    const over = ${chart(title)}.querySelector(".u-over");
    over.scrollIntoView({ block: "center" });
    const { left, top, width, height } = over.getBoundingClientRect();
    return { left, top, width, height };
  })()`);
}

/** A chart as it is painted. */
export const paintOf = (page: Page, title: string): Promise<string> =>
  page.evaluate(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
    done(${chart(title)}.querySelector("canvas").toDataURL()))))`);

/** What a chart's legend says while the mouse passes over it: by step, the values of each curve, "–" where it has a gap. */
export async function readChart(page: Page, title: string, points = 24): Promise<ReadonlyMap<number, readonly string[]>> {
  const { left, top, width, height } = await placeOfChart(page, title);
  const read = new Map<number, readonly string[]>();
  for (let point = 0; point <= points; point++) {
    await page.mouse(left + 1 + ((width - 2) * point) / points, top + height / 2);
    const values = await page.evaluate<string[]>(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
      done([...${chart(title)}.querySelectorAll(".u-legend .u-value")].map((cell) => cell.textContent)))))`);
    // Dashes: a chart that was drawn anew has not felt the mouse yet.
    if (values[0] !== "--") read.set(Number(values[0]), values.slice(1));
  }
  return new Map([...read].sort(([a], [b]) => a - b));
}
