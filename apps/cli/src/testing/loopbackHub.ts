import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A hub on the loopback address that serves one repository. */
export interface LoopbackHub extends AsyncDisposable {
  readonly url: string;
  readonly commit: string;
  /** Every request: path, its Range and its Authorization. */
  readonly requests: { readonly path: string; readonly range: string | undefined; readonly authorization: string | undefined }[];
  /** Transfers of this file end after so many bytes, as often as `times` says. */
  breakOff(file: string, afterBytes: number, times: number): void;
}

export interface LoopbackOptions {
  readonly repository: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Refuse requests without this token. */
  readonly token?: string;
  /** Files stored as large ones, named by SHA-256. */
  readonly isLarge?: (path: string) => boolean;
}

/** Answers as the hub does: the revision's commit, the list of files, and files by range. */
export async function startLoopbackHub({
  repository,
  files,
  token,
  isLarge = (path) => path.endsWith(".safetensors"),
}: LoopbackOptions): Promise<LoopbackHub> {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const requests: LoopbackHub["requests"] = [];
  const breaks = new Map<string, { after: number; times: number }>();
  const json = (response: ServerResponse, value: unknown): void =>
    void response.setHeader("content-type", "application/json").end(JSON.stringify(value));
  const listed = Object.entries(files).map(([path, content]) => ({
    type: "file",
    path,
    size: content.length,
    oid: createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex"),
    ...(isLarge(path) ? { lfs: { oid: createHash("sha256").update(content).digest("hex"), size: content.length, pointerSize: 130 } } : {}),
  }));

  function send(path: string, request: IncomingMessage, response: ServerResponse): void {
    const content = files[path]!;
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": content.length - start,
      ...(start > 0 ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    const broken = breaks.get(path);
    if (!broken || broken.times === 0) return void response.end(content.subarray(start));
    broken.times--;
    response.write(content.subarray(start, start + broken.after), () => setTimeout(() => response.destroy(), 20));
  }

  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!.split("?")[0]!);
    requests.push({ path, range: request.headers.range, authorization: request.headers.authorization });
    const resolved = `/${repository}/resolve/${commit}/`;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end();
    if (path === `/api/models/${repository}/revision/main`)
      return json(response, { _id: "1", id: repository, sha: commit, lastModified: "2026-01-01" });
    if (path === `/api/models/${repository}/tree/${commit}`) return json(response, listed);
    if (path.startsWith(resolved) && Object.hasOwn(files, path.slice(resolved.length)))
      return send(path.slice(resolved.length), request, response);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    commit,
    requests,
    breakOff: (file, after, times) => void breaks.set(file, { after, times }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
