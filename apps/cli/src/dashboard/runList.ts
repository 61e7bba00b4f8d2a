import { findRuns } from "./findRuns.ts";
import { FollowedRun, type RunRow } from "./followedRun.ts";

/** The runs below a folder, followed as they grow. */
export class RunList {
  private readonly root: string;
  private readonly now: () => number;
  private followed = new Map<string, FollowedRun>();
  /** The generation after that of each run that has gone: what was told of it is not of one that comes under its name. */
  private readonly gone = new Map<string, number>();
  private looking: Promise<readonly RunRow[]> | undefined;

  /** @param root absolute path; it may come to be later */
  constructor(root: string, now: () => number = Date.now) {
    this.root = root;
    this.now = now;
  }

  /** A listed run; names are looked up among those found, never joined to a path. */
  get(name: string): FollowedRun | undefined {
    return this.followed.get(name);
  }

  /** Looks again, newest first. Several that ask at once share one look. */
  rows(): Promise<readonly RunRow[]> {
    this.looking ??= this.look().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async look(): Promise<readonly RunRow[]> {
    const found = await findRuns(this.root);
    const old = this.followed;
    this.followed = new Map(found.map(({ name, folder }) => [name, old.get(name) ?? new FollowedRun(name, folder, this.gone.get(name))]));
    for (const [name, { generation }] of old) if (!this.followed.has(name)) this.gone.set(name, generation + 1);
    // A run that is removed while it is read is no longer there to be listed.
    const rows = await Promise.all([...this.followed.values()].map((run) => run.look(this.now()).catch(() => undefined)));
    return rows.filter((row) => row !== undefined).sort((a, b) => b.changedAt - a.changedAt || a.name.localeCompare(b.name));
  }
}
