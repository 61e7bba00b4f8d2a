import { doctorRules, type Finding, type Severity } from "@sft/mask";
import { pathToFileURL } from "node:url";
import { version } from "../version.ts";

const levels: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", note: "note" };

/** A finding with the line on which its row begins, where the file has lines. */
export interface PlacedFinding extends Finding {
  readonly line?: number;
}

/** Findings as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the file. */
export function toSarif(findings: readonly PlacedFinding[], file: string): unknown {
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "sft doctor",
            version,
            rules: doctorRules.map(({ id, description, severity }) => ({
              id,
              shortDescription: { text: description },
              defaultConfiguration: { level: levels[severity] },
            })),
          },
        },
        results: findings.map(({ rule, severity, row, line, message, fix }) => ({
          ruleId: rule,
          level: levels[severity],
          message: { text: `${row === null ? "" : `row ${row}: `}${message} ${fix}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: pathToFileURL(file).href },
                ...(line === undefined ? {} : { region: { startLine: line } }),
              },
            },
          ],
        })),
      },
    ],
  };
}
