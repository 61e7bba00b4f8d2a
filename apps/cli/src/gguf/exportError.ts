import { CliError } from "../failure/cliError.ts";

/** A model that GGUF, or llama.cpp's reading of it, has no place for. */
export function notExportable(what: string, hint: string): CliError {
  return new CliError("not-exportable", `This model cannot be exported to GGUF: ${what}.`, hint);
}
