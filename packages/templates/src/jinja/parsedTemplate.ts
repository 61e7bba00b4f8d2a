import type { RenderOptions } from "../promptTemplate.ts";
import type { Conversation } from "../segment.ts";
import { TemplateError } from "../templateError.ts";
import { type ContentForm, templateVariables } from "./context.ts";
import { Interpreter } from "./interpreter.ts";
import { JinjaLimitError, type JinjaLimits } from "./budget.ts";
import type { MarkedText } from "./markedText.ts";
import type { Statement } from "./nodes.ts";
import { parseTemplate } from "./parseTemplate.ts";
import { placeIn } from "./sourcePlace.ts";
import { JinjaSyntaxError } from "./tokens.ts";
import { JinjaRaisedError, JinjaRuntimeError } from "./value.ts";

/** The longest template known is under 30,000 characters. */
const longestSource = 1_000_000;

/** A chat template after parsing. */
export class ParsedTemplate {
  readonly #name: string;
  readonly #limits: JinjaLimits;
  readonly #source: string;
  readonly #program: readonly Statement[];

  /** @throws TemplateError `template-syntax` */
  constructor(name: string, source: string, limits: JinjaLimits) {
    this.#name = name;
    this.#limits = limits;
    this.#source = source.replace(/\r\n?/g, "\n");
    if (source.length > longestSource) {
      throw new TemplateError(
        "template-limit",
        `Template "${name}" is ${source.length} characters long.`,
        `At most ${longestSource} are read.`,
      );
    }
    try {
      this.#program = parseTemplate(this.#source);
    } catch (error) {
      const place = error instanceof JinjaSyntaxError ? placeIn(this.#source, error.at) : null;
      const problem = error instanceof RangeError ? "it nests too deeply" : (error as Error).message;
      throw new TemplateError(
        "template-syntax",
        `Template "${name}" cannot be parsed${place ? ` at ${place.line}:${place.column}` : ""}: ${problem}.`,
        "Check it against the Jinja dialect of transformers' chat templates.",
        { ...place },
        { cause: error },
      );
    }
  }

  /** @throws TemplateError `template-raised`, `template-runtime` or `template-limit` */
  render(conversation: Conversation, options: RenderOptions, form: ContentForm, addGenerationPrompt: boolean): MarkedText {
    try {
      return new Interpreter(this.#limits).run(this.#program, templateVariables(conversation, options, form, addGenerationPrompt));
    } catch (error) {
      throw this.#explained(error, conversation);
    }
  }

  #explained(error: unknown, conversation: Conversation): unknown {
    const name = `Template "${this.#name}"`;
    const roles = conversation.messages.map(({ role }) => role);
    const details = { roles };
    if (error instanceof JinjaRaisedError) {
      return new TemplateError(
        "template-raised",
        `${name} refuses the conversation (roles ${roles.join(", ")}): ${error.message.replace(/(?<![.!?])$/, ".")}`,
        "Change the row to what the template accepts, or drop it.",
        details,
        { cause: error },
      );
    }
    if (error instanceof JinjaRuntimeError) {
      const place = error.at === undefined ? null : placeIn(this.#source, error.at);
      return new TemplateError(
        "template-runtime",
        `${name} failed${place ? ` at ${place.line}:${place.column}` : ""} on the conversation (roles ${roles.join(", ")}): ${error.message}.`,
        "A field that the template reads may be missing; special tokens and the clock come from render's options.",
        { ...details, ...place },
        { cause: error },
      );
    }
    if (error instanceof JinjaLimitError)
      return new TemplateError(
        "template-limit",
        `${name} needs ${error.message}.`,
        "It may loop without end; the limits are an option of createJinjaTemplate.",
        details,
        { cause: error },
      );
    if (error instanceof RangeError)
      return new TemplateError("template-limit", `${name} nests too deeply.`, "Check it for a macro that calls itself.", details, {
        cause: error,
      });
    return error;
  }
}
