import { expect } from "vitest";
import type { RunRow } from "../dashboard/followedRun.ts";

/** The lists of runs that a dashboard tells to a page that is open. */
export async function* runLists(address: string): AsyncGenerator<RunRow[]> {
  const response = await fetch(`${address}/events`);
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split("\n\n");
    text = events.pop()!;
    for (const event of events) yield JSON.parse(event.replace(/^data: /, "")) as RunRow[];
  }
}
