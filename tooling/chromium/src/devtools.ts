import type { Readable, Writable } from "node:stream";

type Fields = Readonly<Record<string, unknown>>;
type Message = Readonly<{
  id?: number;
  method?: string;
  params?: Fields;
  result?: Fields;
  error?: { message: string };
  sessionId?: string;
}>;

/** The DevTools protocol over a pipe: JSON messages, each ended by a zero byte (https://chromedevtools.github.io/devtools-protocol). */
export class Devtools {
  private readonly commands: Writable;
  private readonly waiting = new Map<number, { resolve(result: Fields): void; reject(error: Error): void }>();
  private readonly listeners = new Map<string, (method: string, params: Fields) => void>();
  private lastId = 0;

  constructor(commands: Writable, answers: Readable) {
    this.commands = commands;
    commands.on("error", (error) => this.fail(error));
    let pending = "";
    answers.setEncoding("utf8").on("data", (text: string) => {
      const messages = (pending + text).split("\0");
      pending = messages.pop()!;
      for (const message of messages) this.take(JSON.parse(message) as Message);
    });
  }

  /** @param session of a page; the browser itself without one */
  async send(method: string, params: Fields = {}, session?: string): Promise<Fields> {
    const id = ++this.lastId;
    const answer = new Promise<Fields>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.commands.write(`${JSON.stringify({ id, method, params, sessionId: session })}\0`);
    return answer;
  }

  /** Hears the events of a page. */
  listen(session: string, listener: (method: string, params: Fields) => void): void {
    this.listeners.set(session, listener);
  }

  /** Ends all that still waits for an answer. */
  fail(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private take({ id, method, params, result, error, sessionId }: Message): void {
    if (id === undefined) return this.listeners.get(sessionId ?? "")?.(method!, params!);
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result!);
  }
}
