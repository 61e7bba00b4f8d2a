import type { LowRankSteps } from "./lowRankSteps.ts";
import type { MatrixUnitTile } from "./matrixUnitTile.ts";
import { multiplications } from "./multiplications.ts";
import type { StagedBlock } from "./stagedBlock.ts";

/** The blocks of both operands, and whether they are staged with their depth along lines of memory or across. */
interface DepthLoopOptions {
  readonly tile: MatrixUnitTile;
  readonly left: StagedBlock;
  readonly leftColumnMajor: boolean;
  readonly right: StagedBlock;
  readonly rightColumnMajor: boolean;
  /** WGSL of the depth at which to stop. */
  readonly lastDepth: string;
  /** WGSL that moves both operands to another block of y, whose start the last step then fetches; without it that step fetches none. */
  readonly nextBlock: string | undefined;
  /** What is added after the depth. */
  readonly low: LowRankSteps | undefined;
}

/**
 * WGSL that adds all steps of the depth to the sums, and the low-rank pair: each step stages what was fetched before it, and fetches.
 * Where a block's fetch brings two steps, the loop takes two at a time and fetches such blocks during the second; as these fill the
 * registers, the low-rank pair is then fetched after the last step, else during it.
 */
export function depthLoop({ tile, left, leftColumnMajor, right, rightColumnMajor, lastDepth, nextBlock, low }: DepthLoopOptions): string {
  const blocks = [left, right];
  const inPairs = blocks.some(({ storeSecond }) => storeSecond !== undefined);
  const fetch = (which: readonly StagedBlock[]): string => which.map((block) => block.fetch).join("\n");
  const multiply = multiplications(tile, tile.tileK, left, leftColumnMajor, right, rightColumnMajor);
  const firstOfTwo = `${left.store}
${right.store}
    workgroupBarrier();
    depth += ${tile.tileK}u;
${fetch(blocks.filter(({ storeSecond }) => storeSecond === undefined))}
${multiply}
    workgroupBarrier();
`;
  const fetchNext = nextBlock
    ? `if (!more) {
${nextBlock}
    }
${fetch(blocks)}`
    : `if (more) {
${fetch(blocks)}
    }${low && !inPairs ? ` else {\n${low.fetch}\n    }` : ""}`;
  return `  loop {
${inPairs ? firstOfTwo : ""}${blocks.map(({ store, storeSecond }) => storeSecond ?? store).join("\n")}
    workgroupBarrier();
    depth += ${tile.tileK}u;
    let more = depth < ${lastDepth};
    ${fetchNext}
${multiply}
    if (!more) { break; }
    workgroupBarrier();
  }${low ? `${inPairs ? `\n${low.fetch}` : ""}\n${low.steps}` : ""}`;
}
