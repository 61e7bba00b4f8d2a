import { CliError } from "./cliError.ts";

export interface Failure {
  readonly exitCode: 1 | 2;
  /** What standard error gets: a message that says what to do, never a stack trace. */
  readonly text: string;
}

/** Errors of this project's packages carry a code in kebab case; their messages are written for users. */
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Turns whatever was thrown into words and an exit code. `debug` (SFT_DEBUG=1) adds the stack and the causes. */
export function describeFailure(error: unknown, debug: boolean): Failure {
  const exitCode = error instanceof CliError && error.usage ? 2 : 1;
  if (debug && error instanceof Error) return { exitCode, text: `error: ${stackOf(error)}` };
  return { exitCode, text: `error: ${wordsOf(error)}` };
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as { code?: unknown; path?: unknown };
  if (typeof code === "string" && kebabCase.test(code)) return error.message;
  if (typeof code === "string" && /^E[A-Z]+$/.test(code)) {
    return `${typeof path === "string" ? `${path}: ` : ""}the operating system refused (${code})\n${error.message}`;
  }
  return `${error.message}\nThis is a fault inside sft. Run again with SFT_DEBUG=1 to see where, and report it.`;
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
