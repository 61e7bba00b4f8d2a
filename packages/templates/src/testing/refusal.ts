import { RecordError } from "../records/recordError.ts";
import { TemplateError } from "../templateError.ts";

/** Code, message, hint and details of the error that a call throws, a line each. */
export function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TemplateError) return `\n${error.code}\n${error.message}\n${error.hint}\n${JSON.stringify(error.details)}\n`;
    if (error instanceof RecordError)
      return `\n${error.code}\n${error.message}\n${error.hint}\n${error.field} ${JSON.stringify(error.details)}\n`;
    throw error;
  }
  throw new Error("nothing was refused");
}
