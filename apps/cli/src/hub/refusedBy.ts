import { CliError } from "../failure/cliError.ts";

/** What an answer of the hub other than 200 means for a user. */
export function refusedBy(status: number, what: string): CliError {
  const hint =
    status === 401 || status === 403
      ? "The repository is private or gated: accept its terms on the hub, and give a token with HF_TOKEN or --token."
      : status === 404
        ? "Check the name (organisation/model) and --revision; a private repository needs a token."
        : status === 429
          ? "Too many requests: wait a little, or give a token."
          : "Try again later.";
  return new CliError("download-failed", `The hub answered ${status} for ${what}.`, hint);
}
