import { describe, expect, test } from "vitest";
import { CliError, usageError } from "./cliError.ts";
import { describeFailure } from "./describeFailure.ts";

describe("a failure in words", () => {
  test("an error of the project speaks for itself; only a wrong call is exit code 2", () => {
    expect(describeFailure(usageError("bad-flag", "No.", "Do this."), false)).toEqual({ exitCode: 2, text: "error: No.\nDo this." });
    expect(describeFailure(new CliError("row-too-long", "No.", "Do this."), false).exitCode).toBe(1);
    expect(describeFailure(Object.assign(new Error("Of a package."), { code: "some-code" }), false).text).toBe("error: Of a package.");
  });

  test("the operating system's errors name the file", () => {
    const error = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: "EACCES", path: "/x" });
    expect(describeFailure(error, false).text).toContain("/x: the operating system refused (EACCES)");
  });

  test("anything else is our fault, says so, and shows its stack under SFT_DEBUG alone", () => {
    const error = new TypeError("x is undefined", { cause: new Error("deeper") });
    expect(describeFailure(error, false).text).toMatch(/^error: x is undefined\nThis is a fault inside sft\./);
    expect(describeFailure(error, true).text).toMatch(/TypeError: x is undefined\n\s+at .*caused by Error: deeper/s);
  });
});
