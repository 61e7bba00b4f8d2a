/**
 * The spellings of control tokens in the chat formats of the common model families:
 * <|im_end|>, <｜User｜>, <s>, </s>, <bos>, <start_of_turn>, <turn|>, <unused7>.
 * Words in square brackets ("[INST]") are plain text in most vocabularies and stay literal.
 */
const controlToken: RegExp =
  /<\|[^<>|\s]+\|>|<｜[^<>｜\s]+｜>|<\/?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_(?:turn|image)>|<\|(?:turn|tool|tool_call|tool_response|channel)>|<(?:turn|tool|tool_call|tool_response|channel)\|>/gu;

/** A run of template text and whether it is meant as a control token. */
export interface TemplateRun {
  readonly text: string;
  readonly control: boolean;
}

/** Splits template text at its control tokens: the known spellings and those in `extra` (a tokenizer's BOS and EOS, say). */
export function splitControlText(text: string, extra: readonly string[] = []): TemplateRun[] {
  const found: { start: number; end: number }[] = [];
  for (const match of text.matchAll(controlToken)) found.push({ start: match.index, end: match.index + match[0].length });
  for (const token of extra) {
    if (token === "") continue;
    for (let at = text.indexOf(token); at >= 0; at = text.indexOf(token, at + token.length))
      found.push({ start: at, end: at + token.length });
  }
  found.sort((a, b) => a.start - b.start || b.end - a.end);
  const runs: TemplateRun[] = [];
  let position = 0;
  for (const { start, end } of found) {
    if (start < position) continue;
    if (start > position) runs.push({ text: text.slice(position, start), control: false });
    runs.push({ text: text.slice(start, end), control: true });
    position = end;
  }
  if (position < text.length) runs.push({ text: text.slice(position), control: false });
  return runs;
}
