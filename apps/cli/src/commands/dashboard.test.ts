import { readFile, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { RunRow } from "../dashboard/followedRun.ts";
import { openerOf } from "../dashboard/openInBrowser.ts";
import { finished, runSft, startSft } from "../testing/runSft.ts";
import { runLists } from "../testing/runLists.ts";
import { testFolder } from "../testing/testFolder.ts";
import { stepLine, writtenRun } from "../testing/writtenRun.ts";

/** Ended when all is done: tests that run at once have no end of their own to hook into. */
const ends: (() => void)[] = [];
afterAll(() => ends.forEach((end) => end()));

describe.concurrent("sft dashboard", () => {
  test("--json prints the address and nothing else; Ctrl-C ends it at once, with a page open", async () => {
    const root = await testFolder();
    await writtenRun(root, "runs/mine", stepLine(1, 3), 9);
    const child = startSft(["dashboard", "--port", "0", "--json"], { cwd: root });
    ends.push(() => void child.kill("SIGKILL"));
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    await once(child.stdout, "data");
    const { address } = JSON.parse(stdout) as { address: string };
    const events = runLists(address);
    expect(((await events.next()).value as RunRow[]).map(({ name }) => name)).toEqual(["mine"]);
    const begun = performance.now();
    child.kill("SIGINT");
    const [exitCode] = (await once(child, "close")) as [number];
    expect(exitCode).toBe(130);
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(stdout).toBe(`${JSON.stringify({ address })}\n`);
    await expect(events.next()).rejects.toThrow();
  });

  test("a port in use is said, with how to choose another; so are a file and a port that is none", async () => {
    const root = await testFolder();
    await writeFile(join(root, "notes"), "");
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    ends.push(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const inUse = await runSft(["dashboard", root, "--port", String(port)]);
    expect([inUse.exitCode, inUse.stdout]).toEqual([1, ""]);
    expect(inUse.stderr).toContain(`Port ${port} of 127.0.0.1 is in use`);
    expect(inUse.stderr).toContain("any free one with --port 0");
    expect((await runSft(["dashboard", join(root, "notes")])).stderr).toContain("this is a file");
    expect((await runSft(["dashboard", root, "--port", "70000"])).exitCode).toBe(2);
  });

  test.skipIf(process.platform === "win32")("--open starts the platform's opener with the address; Ctrl-C frees the port", async () => {
    const root = await testFolder();
    const heard = join(root, "heard");
    const opener = join(root, openerOf(process.platform)[0]);
    await writeFile(opener, `#!/bin/sh\necho "$@" > '${heard}'\n`, { mode: 0o755 });
    const child = startSft(["dashboard", "--port", "0", "--host", "0.0.0.0", "--open"], { cwd: root, env: { PATH: root } });
    ends.push(() => void child.kill("SIGKILL"));
    const done = finished(child);
    const opened = await vi.waitFor(async () => {
      const text = await readFile(heard, "utf8");
      expect(text).toMatch(/\n$/);
      return text.trim();
    }, 20_000);
    expect(opened).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(opened)).status).toBe(200);
    child.kill("SIGINT");
    const { exitCode, stdout, stderr } = await done;
    const { port } = new URL(opened);
    expect([exitCode, stdout]).toEqual([130, `http://0.0.0.0:${port} shows the runs below runs; Ctrl-C ends it\n`]);
    expect(stderr).toBe("note: runs does not exist yet; its runs will appear as soon as it does\n");
    const next = createServer().listen(Number(port), "0.0.0.0");
    ends.push(() => void next.close());
    await once(next, "listening");
  });

  test.skipIf(process.platform === "win32")("without an opener it says where the page is, and serves it", async () => {
    const root = await testFolder();
    const child = startSft(["dashboard", root, "--port", "0", "--open", "--json"], { env: { PATH: root } });
    ends.push(() => void child.kill("SIGKILL"));
    const done = finished(child);
    const [note] = (await once(child.stderr, "data")) as [string];
    const address = /open (\S+) in a browser yourself\n$/.exec(note)?.[1];
    expect(note).toBe(`note: there is no ${openerOf(process.platform)[0]} here; open ${address} in a browser yourself\n`);
    expect((await fetch(address!)).status).toBe(200);
    child.kill("SIGTERM");
    expect(await done).toEqual({ exitCode: 130, stdout: `${JSON.stringify({ address })}\n`, stderr: note });
  });
});
