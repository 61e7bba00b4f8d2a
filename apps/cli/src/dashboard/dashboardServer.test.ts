import { appendFile, rename, utimes, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { dashboardServer } from "./dashboardServer.ts";
import type { RunRow } from "./followedRun.ts";
import { RunList } from "./runList.ts";
import { runLists } from "../testing/runLists.ts";
import { testFolder } from "../testing/testFolder.ts";
import { stepLine, writtenRun } from "../testing/writtenRun.ts";

/** Ended when all is done: tests that run at once have no end of their own to hook into. */
const ends: (() => void)[] = [];
afterAll(() => ends.forEach((end) => end()));

/** A dashboard of its own on a free port, which looks for news every 20 ms. */
async function served(root: string): Promise<string> {
  const server = await dashboardServer({ folder: "runs", runs: new RunList(root), pollMilliseconds: 20, isLocal: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A request as it stands: fetch would tidy the path and set the host itself. */
async function raw(
  address: string,
  path: string,
  options: { method?: string; host?: string } = {},
): Promise<[status: number, body: string]> {
  const { hostname, port } = new URL(address);
  const sent = request({ hostname, port, path, method: options.method ?? "GET", headers: { host: options.host ?? `${hostname}:${port}` } });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return [response.statusCode!, body];
}

describe.concurrent("the dashboard's server", () => {
  test("lists runs at any depth, newest first, with what is left of those in progress", async () => {
    const root = await testFolder();
    const old = await writtenRun(root, "old", stepLine(1, 3) + stepLine(2, 2.5), 2);
    await writtenRun(root, "sweep/a", `{"step":0,"epoch":0,"eval_loss":4,"eval_runtime":1}\n${stepLine(1, 3)}${stepLine(2, 2)}`, 12);
    await utimes(old, 1e9, 1e9);
    const answer = await fetch(`${await served(root)}/runs`);
    const [first, second] = (await answer.json()) as RunRow[];
    expect(first).toMatchObject({
      name: join("sweep", "a"),
      state: "running",
      step: 2,
      maxSteps: 12,
      loss: 2,
      heldOutLoss: 4,
      tokensPerSecond: 50,
    });
    // 10 steps are left, of 100 tokens at 50 tokens/s each.
    expect(first!.timeLeft).toBe("20 s");
    expect(second).toMatchObject({ name: "old", state: "done", step: 2, heldOutLoss: null, timeLeft: null, changedAt: 1e12 });
  });

  test("tells what is appended while it is appended, whole lines only, and gives new lines alone", async () => {
    const root = await testFolder();
    const metrics = await writtenRun(root, "live", stepLine(1, 3), 9);
    const address = await served(root);
    const events = runLists(address);
    const next = async (): Promise<RunRow> => (await events.next()).value![0] as RunRow;
    expect(await next()).toMatchObject({ step: 1, steps: 1, loss: 3 });
    const line = stepLine(2, 2.5);
    await appendFile(metrics, line.slice(0, 30));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await appendFile(metrics, line.slice(30));
    let row = await next();
    // The half line changes the time of the file, and nothing else.
    while (row.steps === 1) row = await next();
    expect(row).toMatchObject({ step: 2, steps: 2, loss: 2.5, generation: 0 });
    const columns = async (query: string): Promise<unknown> => (await fetch(`${address}/curves?run=live&${query}`)).json();
    expect(await columns("generation=0&steps=1&heldOut=0")).toMatchObject({ fresh: false, step: [2], loss: [2.5], heldOutLoss: [] });

    // A resumed run puts another file in its place.
    await writeFile(`${metrics}.new`, stepLine(1, 3) + stepLine(2, 2.25) + stepLine(3, 2));
    await rename(`${metrics}.new`, metrics);
    while (row.generation === 0) row = await next();
    expect(row).toMatchObject({ step: 3, steps: 3, loss: 2 });
    expect(await columns("generation=0&steps=2&heldOut=0")).toMatchObject({
      generation: 1,
      fresh: true,
      step: [1, 2, 3],
      loss: [3, 2.25, 2],
    });
    await events.return(undefined);
  });

  test("a run that appears and one that goes are told", async () => {
    const root = await testFolder();
    const address = await served(join(root, "runs"));
    const events = runLists(address);
    expect((await events.next()).value).toEqual([]);
    await writtenRun(root, "runs/fresh", stepLine(1, 3), 9);
    let names: string[] = [];
    while (names.length === 0) names = ((await events.next()).value as RunRow[]).map(({ name }) => name);
    expect(names).toEqual(["fresh"]);
    await rename(join(root, "runs/fresh"), join(root, "elsewhere"));
    while (names.length > 0) names = ((await events.next()).value as RunRow[]).map(({ name }) => name);
    // Another one under its name: what a page holds of the first is none of its lines.
    await writtenRun(root, "runs/fresh", stepLine(1, 2) + stepLine(2, 1), 9);
    expect(((await events.next()).value as RunRow[])[0]).toMatchObject({ name: "fresh", generation: 1 });
    const answer = await fetch(`${address}/curves?run=fresh&generation=0&steps=1&heldOut=0`);
    expect(await answer.json()).toMatchObject({ fresh: true, loss: [2, 1] });
    await events.return(undefined);
  });

  test("serves nothing but its own pages, to GET and HEAD, of this machine", async () => {
    const root = await testFolder();
    await writtenRun(root, "runs/mine", stepLine(1, 3), 9);
    await writtenRun(root, "secret", stepLine(1, 3), 9);
    const address = await served(join(root, "runs"));
    await raw(address, "/runs");
    expect((await raw(address, "/curves?run=mine"))[0]).toBe(200);
    const paths = [
      "/../secret/metrics.jsonl",
      "/mine/metrics.jsonl",
      "/%2e%2e/secret/config.yaml",
      "//etc/passwd",
      "/page.css",
      "/curves?run=../secret",
      `/curves?run=${encodeURIComponent(join(root, "secret"))}`,
      "/curves",
    ];
    for (const path of paths) expect((await raw(address, path))[0], path).toBe(404);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) expect((await raw(address, "/runs", { method }))[0], method).toBe(405);
    expect(await raw(address, "/", { method: "HEAD" })).toEqual([200, ""]);
    expect(await raw(address, "/events", { method: "HEAD" })).toEqual([200, ""]);
    expect((await raw(address, "/runs", { host: "rebound.example" }))[0]).toBe(403);
  });

  test("HTML in names stays text, in the page and in its data", async () => {
    const root = await testFolder();
    await writtenRun(root, "<img src=x>", stepLine(1, 3), 9);
    const server = await dashboardServer({ folder: "</script><b>", runs: new RunList(root), isLocal: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ends.push(() => void server.close());
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [, page] = await raw(address, "/");
    expect(page).not.toContain("<b>");
    expect(page).toContain("&lt;/script&gt;&lt;b&gt;");
    expect(page).toContain("connect-src 'self'");
    // dashboardPage.test.ts sees in a browser that names are text.
    expect((page.split('id="data"')[1] ?? "").replace(/uPlot.*?<\/script>/s, "")).not.toMatch(/insertAdjacentHTML|document\.write/);
    const answer = await fetch(`${address}/runs`);
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(((await answer.json()) as RunRow[])[0]!.name).toBe("<img src=x>");
  });
});
