export { startChromium, type Chromium } from "./startChromium.ts";
export { hasChromium } from "./unpackChromium.ts";
export type { Page } from "./page.ts";
