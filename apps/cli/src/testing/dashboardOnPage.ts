import type { Page } from "@sft/chromium";

/** The texts of a row of the dashboard's list of runs. */
export const cells = (page: Page, row = 1): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll(".runs tbody tr:nth-child(${row}) > *")].map((cell) => cell.innerText.trim())`);

/** Waits until the first row and the charts have come to a step: the norms of written lines are finite at each. */
export async function stepShown(page: Page, step: string): Promise<void> {
  await page.until(`document.querySelector(".runs tbody tr")?.children[2].textContent === ${JSON.stringify(step)}`);
  const words = `last 1 at step ${parseInt(step, 10)},`;
  if (!step.startsWith("0 "))
    await page.until(`[...document.querySelectorAll("canvas")].some((one) => one.ariaLabel.includes("${words}"))`);
}
