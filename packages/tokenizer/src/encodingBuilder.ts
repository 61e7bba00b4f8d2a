import { originalEnd, originalStart, type AlignedText } from "./alignedText.ts";
import type { WordTokens } from "./models/tokenModel.ts";
import type { TokenRun } from "./postProcessors/createPostProcessor.ts";

/** Gathers the tokens of a text in order, with places in the original text. */
export class EncodingBuilder implements TokenRun {
  readonly ids: number[] = [];
  readonly offsets: number[] = [];

  add(id: number, start: number, end: number): void {
    this.ids.push(id);
    this.offsets.push(start, end);
  }

  addWord(word: AlignedText, { ids, starts, ends }: WordTokens): void {
    for (let i = 0; i < ids.length; i++) {
      this.ids.push(ids[i]);
      this.offsets.push(originalStart(word, starts[i]), originalEnd(word, ends[i]));
    }
  }
}
