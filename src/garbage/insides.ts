import type { Clock } from "../core/clock.ts";
import type { MarkTags } from "./mark-tags.ts";
import type { CheckedPolicy } from "./policy.ts";
import type { GarbageProgress } from "./progress.ts";
import type { Records } from "./records.ts";

/** What every part of one collector shares. */
export interface Insides {
  readonly records: Records;
  readonly clock: Clock;
  readonly policy: CheckedPolicy;
  /** Whose resources these are: what another provider made is foreign. */
  readonly provider: string;
  /** This process, as long as it lives. */
  readonly process: string;
  readonly tags: MarkTags | undefined;
  tell(progress: GarbageProgress): void;
}
