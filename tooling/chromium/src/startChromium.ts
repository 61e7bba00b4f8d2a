import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { Devtools } from "./devtools.ts";
import { Page } from "./page.ts";
import { unpackChromium } from "./unpackChromium.ts";

export interface Chromium {
  open(): Promise<Page>;
  close(): Promise<void>;
}

const flags = ["--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"];
const silent = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Starts a browser of its own, with an empty profile. Only where `hasChromium`. */
export async function startChromium(): Promise<Chromium> {
  const { program, env } = await unpackChromium();
  const profile = await mkdtemp(join(tmpdir(), "sft-chromium-"));
  const browser = spawn(program, [...flags, ...silent, `--user-data-dir=${profile}`, "--remote-debugging-pipe"], {
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const devtools = new Devtools(browser.stdio[3] as Writable, browser.stdio[4] as Readable);
  let said = "";
  browser.stderr!.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
  const ended = once(browser, "close").catch((error: Error) => void (said += error.message));
  void ended.then(() => devtools.fail(new Error(`Chromium has ended, with ${browser.exitCode ?? browser.signalCode}:\n${said}`)));
  await devtools.send("Browser.getVersion");
  return {
    open: () => Page.open(devtools),
    close: async () => {
      browser.kill("SIGKILL");
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
