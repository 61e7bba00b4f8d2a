import type { DoctorRule } from "../finding.ts";
import { allMasked } from "./allMasked.ts";
import { boundaryMerge } from "./boundaryMerge.ts";
import { controlTokenInContent } from "./controlTokenInContent.ts";
import { doubleBos } from "./doubleBos.ts";
import { doubleTerminator } from "./doubleTerminator.ts";
import { duplicateRow } from "./duplicateRow.ts";
import { emptyTurn } from "./emptyTurn.ts";
import { literalNone } from "./literalNone.ts";
import { lostCharacter } from "./lostCharacter.ts";
import { missingBos } from "./missingBos.ts";
import { noTerminator } from "./noTerminator.ts";
import { overLong } from "./overLong.ts";
import { prefixUnstable } from "./prefixUnstable.ts";
import { supervisedShare } from "./supervisedShare.ts";
import { templateOmits } from "./templateOmits.ts";
import { truncatedAnswer } from "./truncatedAnswer.ts";

/** Every rule of the doctor; a new one is a file here and a line in this table. */
export const doctorRules: readonly DoctorRule[] = [
  noTerminator,
  doubleTerminator,
  doubleBos,
  missingBos,
  controlTokenInContent,
  boundaryMerge,
  allMasked,
  truncatedAnswer,
  templateOmits,
  literalNone,
  lostCharacter,
  prefixUnstable,
  emptyTurn,
  duplicateRow,
  overLong,
  supervisedShare,
];
