#!/usr/bin/env node
import { CliError } from "./failure/cliError.ts";
import { reportFailure, runCli } from "./runCli.ts";

// A reader that has seen enough (`sft preview | head`) closes the pipe: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : reportFailure(unprintable(error)));
});
process.on("uncaughtException", (error) => process.exit(reportFailure(error)));

const exitCode = await runCli(process.argv.slice(2));
// A graphics device or worker threads would keep the process alive, so it ends here, once everything printed is out, and
// what could not be printed was heard of.
process.stdout.write("", () => setImmediate(() => process.exit(exitCode)));

function unprintable(cause: NodeJS.ErrnoException): CliError {
  return new CliError("not-printed", `Standard output cannot be written (${cause.code}).`, "Free some space there, or print elsewhere.", {
    cause,
  });
}
