#!/usr/bin/env node
import { reportFailure, runCli } from "./runCli.ts";

// A reader that has seen enough (`sft preview | head`) closes the pipe: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});
process.on("uncaughtException", (error) => process.exit(reportFailure(error)));

const exitCode = await runCli(process.argv.slice(2));
// A graphics device or worker threads would keep the process alive, so it ends here, once everything printed is out.
process.stdout.write("", () => process.exit(exitCode));
