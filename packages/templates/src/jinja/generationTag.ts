import { generationCall } from "./interpreter.ts";

/**
 * Writes `{% generation %}` blocks as call blocks, which is what transformers makes of them:
 * the parser's lexer deletes the tag, and a call block keeps its white space and its scope.
 */
export function withGenerationCalls(source: string): string {
  return source
    .replace(/\{%([-+]?)\s*generation\s*([-+]?)%\}/g, `{%$1 call ${generationCall}() $2%}`)
    .replace(/\{%([-+]?)\s*endgeneration\s*([-+]?)%\}/g, "{%$1 endcall $2%}");
}
