/** The software GPU cannot be had on this machine. */
export class SoftwareGpuError extends Error {
  override readonly name = "SoftwareGpuError";
  readonly code: "unsupported-platform" | "archive" | "no-adapter";
  readonly hint: string;
  constructor(code: SoftwareGpuError["code"], message: string, hint: string, cause?: unknown) {
    super(`${message}\n${hint}`, { cause });
    this.code = code;
    this.hint = hint;
  }
}
