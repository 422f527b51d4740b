/** What must hold at the end. */
import { sumOf } from "./census.ts";
import type { Facts } from "./facts.ts";

export interface Check {
  readonly name: string;
  readonly held: boolean;
}

const sortedIds = (ids: Facts["instances"]) => JSON.stringify(Object.entries(ids).sort());

/** @param kept - Whether the run was to leave clusters where they are. */
export function check(facts: Facts, kept: boolean): Check[] {
  const { crash, adopted, joined, instances, answered, unaudited, audit, deleted, left, exit } = facts;
  const checks: Record<string, boolean> = {
    "the kill left instances that no object named": crash.unrecorded.length > 0,
    "the killed process had recorded its intent to make each of them":
      crash.intended.length === crash.unrecorded.length,
    "each of them was adopted": adopted.length === crash.unrecorded.length,
    "every Machine with a Node has its instance": joined.length > 0 && joined.every((uid) => uid in instances),
    "no Machine has two instances": Object.values(instances).every(({ length }) => length === 1),
    "the proxy saw the same instances made": sortedIds(instances) === sortedIds(answered),
    "every change that reached the cloud has its intent in the audit log": unaudited.length === 0,
    "the audit log verifies, what the killed process had written included": audit.status === "ok",
    "the deleted cluster's instances went, and no others": deleted.instances.length > 0 && deleted.noOthers,
    ...(!kept && {
      "nothing is left on the cloud": left.instances + left.securityGroups === 0,
      "nothing is left on the API server": sumOf(left.objects) === 0,
      "the provider stopped in order": exit === 0,
    }),
  };
  return Object.entries(checks).map(([name, held]) => ({ name, held }));
}
