import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { curveData } from "../report/curveData.ts";
import { dashboardPage } from "./dashboardPage.ts";
import type { RunList } from "./runList.ts";

export interface DashboardOptions {
  /** As the user named it. */
  readonly folder: string;
  readonly runs: RunList;
  /** How often a page that is open hears of news. */
  readonly pollMilliseconds?: number;
  /** True when only this machine can reach the server: other names for it are then refused, as of a page that was led here by DNS. */
  readonly isLocal: boolean;
}

/** A server of the page, the list of runs, their curves and a stream of changes; nothing else is answered. */
export async function dashboardServer({ folder, runs, pollMilliseconds = 1000, isLocal }: DashboardOptions): Promise<Server> {
  const page = await dashboardPage(folder);
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  return server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return send(response, 405, "text/plain", "Only GET and HEAD are answered.\n");
    }
    if (isLocal && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(request.headers.host ?? ""))
      return send(response, 403, "text/plain", "This dashboard answers to localhost alone.\n");
    const [path, query] = (request.url ?? "/").split("?", 2);
    switch (path) {
      case "/":
        return send(response, 200, "text/html", page);
      case "/runs":
        return send(response, 200, "application/json", JSON.stringify(await runs.rows()));
      case "/curves":
        return sendCurves(response, new URLSearchParams(query));
      case "/events":
        return stream(request, response);
      default:
        return send(response, 404, "text/plain", "There is no such page.\n");
    }
  }

  function sendCurves(response: ServerResponse, query: URLSearchParams): void {
    const run = runs.get(query.get("run") ?? "");
    if (!run) return send(response, 404, "text/plain", "There is no such run.\n");
    const fresh = query.get("generation") !== String(run.generation);
    const from = (key: string): number => (fresh ? 0 : Math.max(0, Math.trunc(Number(query.get(key)) || 0)));
    const data = { generation: run.generation, fresh, ...curveData(run.log, from("steps"), from("heldOut")) };
    send(response, 200, "application/json", JSON.stringify(data));
  }

  /** Server-sent events: the list of runs at once, and again whenever something in it has changed. */
  function stream(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { ...headers, "Content-Type": "text/event-stream; charset=utf-8" });
    if (request.method === "HEAD") return void response.end();
    let last = "";
    const tell = async (): Promise<void> => {
      const text = JSON.stringify(await runs.rows());
      if (text !== last) response.write(`data: ${text}\n\n`);
      last = text;
    };
    const timer = setInterval(() => void tell().catch(() => response.destroy()), pollMilliseconds);
    response.on("close", () => clearInterval(timer));
    void tell().catch(() => response.destroy());
  }
}

const headers = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "X-Frame-Options": "DENY",
};

/** To HEAD, node:http sends the headers alone. */
function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { ...headers, "Content-Type": `${type}; charset=utf-8`, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
