import { setTimeout as passed } from "node:timers/promises";
import type { Devtools } from "./devtools.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A page of the browser, used as its user does: by what stands in it, the mouse and the keyboard. */
export class Page {
  /** What the browser complains of: errors that nothing caught, requests that failed, breaches of the page's own policy. */
  readonly complaints: string[] = [];
  /** Addresses that were asked for. */
  readonly requests: string[] = [];
  private readonly devtools: Devtools;
  private readonly session: string;
  private isPressed = false;

  private constructor(devtools: Devtools, session: string) {
    this.devtools = devtools;
    this.session = session;
    devtools.listen(session, (method, params) => this.hear(method, params));
  }

  static async open(devtools: Devtools): Promise<Page> {
    const { targetId } = await devtools.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await devtools.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(devtools, sessionId as string);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.send(`${domain}.enable`);
    return page;
  }

  /** A command of the DevTools protocol to this page. */
  send(method: string, params: Fields = {}): Promise<Fields> {
    return this.devtools.send(method, params, this.session);
  }

  async goto(address: string): Promise<void> {
    const { errorText } = await this.send("Page.navigate", { url: address });
    if (errorText !== undefined) throw new Error(`${address}: ${String(errorText)}`);
    await this.until("document.readyState === 'complete'");
  }

  /** The value of an expression, or of its promise, as JSON carries it. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const error = exceptionDetails as { text: string; exception?: { description?: string } } | undefined;
    if (error) throw new Error(`${expression}: ${error.exception?.description ?? error.text}`);
    return (result as { value: T }).value;
  }

  /** Waits until an expression is truthy. @returns its value; throws after `milliseconds` with what the page says by then */
  async until<T>(expression: string, milliseconds = 30_000): Promise<T> {
    const end = performance.now() + milliseconds;
    for (;;) {
      const value = await this.evaluate<T>(expression);
      if (value) return value;
      if (performance.now() > end) {
        const text = await this.evaluate<string>("document.body?.innerText ?? ''");
        throw new Error(`Not so within ${milliseconds} ms: ${expression}\n${[...this.complaints, text].join("\n").slice(0, 2000)}`);
      }
      await passed(20);
    }
  }

  /** Moves the mouse, in CSS pixels of the window; with `button` presses or releases its left button there. */
  async mouse(x: number, y: number, button?: "down" | "up"): Promise<void> {
    const type = button === "down" ? "mousePressed" : button === "up" ? "mouseReleased" : "mouseMoved";
    if (button) this.isPressed = button === "down";
    const held = button || this.isPressed ? { button: "left", buttons: this.isPressed ? 1 : 0, clickCount: 1 } : {};
    await this.send("Input.dispatchMouseEvent", { type, x, y, ...held });
  }

  private hear(method: string, params: Fields): void {
    if (method === "Runtime.exceptionThrown") {
      const { text, exception } = params.exceptionDetails as { text: string; exception?: { description?: string } };
      this.complaints.push(exception?.description ?? text);
    } else if (method === "Log.entryAdded") {
      const { level, text, url } = params.entry as { level: string; text: string; url?: string };
      if (level === "error" || level === "warning") this.complaints.push(`${level}: ${text} ${url ?? ""}`);
    } else if (method === "Network.requestWillBeSent") this.requests.push((params.request as { url: string }).url);
  }
}
