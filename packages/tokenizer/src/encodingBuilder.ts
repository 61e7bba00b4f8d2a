import { originalEnd, originalStart, type AlignedText } from "./alignedText.ts";
import type { WordTokens } from "./models/tokenModel.ts";
import type { TokenRun } from "./postProcessors/createPostProcessor.ts";

/** Gathers the tokens of a text in order, with places in the original text. */
export class EncodingBuilder implements TokenRun {
  readonly ids: number[] = [];
  readonly offsets: number[] = [];
  readonly sourceTexts: Map<number, string> = new Map();

  /** Adds an added token that was found as `text`, white space that it took with it included. */
  addMatch(id: number, text: string, start: number, end: number): void {
    this.sourceTexts.set(this.ids.length, text);
    this.ids.push(id);
    this.offsets.push(start, end);
  }

  addWord(word: AlignedText, { ids, starts, ends, sourceTexts }: WordTokens): void {
    if (sourceTexts !== undefined) for (const [index, text] of sourceTexts) this.sourceTexts.set(this.ids.length + index, text);
    for (let i = 0; i < ids.length; i++) {
      this.ids.push(ids[i]);
      this.offsets.push(originalStart(word, starts[i]), originalEnd(word, ends[i]));
    }
  }
}
