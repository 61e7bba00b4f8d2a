import { createJinjaTemplate, defaultTemplateName, findTemplate, type PromptTemplate, type RecordFormat } from "@sft/templates";
import { readFile } from "node:fs/promises";
import { usageError } from "../failure/cliError.ts";
import { renderOnce } from "./renderOnce.ts";

/** A template, with its source where it is a Jinja text that must travel with what is trained. */
export interface ChosenTemplate {
  readonly template: PromptTemplate;
  readonly source: string | null;
}

/** The template for rows of a format. */
export type TemplateForFormat = (format: RecordFormat) => ChosenTemplate;

/**
 * The template that was asked for: a built-in style, "tokenizer" for the model's own, or a .jinja file. Nothing asked
 * for: the style that suits the rows' format, and for conversations the model's own where it has one.
 */
export async function chooseTemplate(
  wanted: string | undefined,
  tokenizer: { readonly chatTemplate: string | null },
): Promise<TemplateForFormat> {
  const own = tokenizer.chatTemplate;
  if (wanted === "tokenizer") {
    if (own === null)
      throw usageError(
        "bad-config",
        'The tokenizer\'s folder has no chat template, so "tokenizer" names none.',
        "Name a built-in style such as chatml, or a .jinja file.",
      );
    const chosen = fromSource(own, "tokenizer");
    return () => chosen;
  }
  if (wanted !== undefined) {
    const chosen = isTemplateFile(wanted) ? fromSource(await readTemplate(wanted), wanted) : builtIn(wanted);
    return () => chosen;
  }
  const made = new Map<RecordFormat, ChosenTemplate>();
  return (format) => {
    const known = made.get(format);
    if (known) return known;
    const isConversation = format === "messages" || format === "sharegpt";
    const chosen = isConversation && own !== null ? fromSource(own, "tokenizer") : builtIn(defaultTemplateName(format));
    made.set(format, chosen);
    return chosen;
  };
}

/** Whether a template's name is a file's. */
export const isTemplateFile = (name: string): boolean => /\.(jinja|jinja2|j2)$/.test(name);

function fromSource(source: string, name: string): ChosenTemplate {
  return { template: renderOnce(createJinjaTemplate(source, { name })), source };
}

function builtIn(name: string): ChosenTemplate {
  return { template: renderOnce(findTemplate(name)), source: null };
}

async function readTemplate(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw usageError(
      "bad-config",
      `The template ${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)}).`,
      'Give a built-in style\'s name, "tokenizer", or the path of a .jinja file.',
    );
  }
}
