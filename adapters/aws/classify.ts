import type { Classification } from "../../src/core/adapter.ts";
import type { CallKind } from "../../src/core/target.ts";
import { exceptions } from "./exceptions.ts";
import type { FactBook } from "./fact-book.ts";
import { resourceTypeOf } from "./resource-types.ts";
import { isRevocation } from "./revocations.ts";
import { isCovered } from "./table.ts";
import { createVerb } from "./verbs.ts";

const read =
  /^(?:Batch|Transact)?(?:Check|Decode|Describe|Estimate|Filter|Get|Head|List|Lookup|Preview|Query|Scan|Search|Select|Simulate|Validate)(?=[A-Z]|$)/;
const remove = /^(?:Batch)?(?:Abort|Cancel|Delete|Deprovision|Deregister|Release|Terminate)(?=[A-Z]|$)/;
const plainCreate =
  /^(?:Allocate|Copy|Create|Import|Launch|Purchase|Register|Replicate|Request|Restore|Run)(?=[A-Z]|$)/;
const updateVerbs =
  "Accept|Activate|Add|Advertise|Apply|Assign|Associate|Attach|Authorize|Backtrack|Change|Complete|" +
  "Configure|Confirm|Connect|Continue|Deactivate|Deauthorize|Detach|Detect|Disable|Disassociate|" +
  "Disconnect|Enable|Enter|Execute|Exit|Export|Failover|Label|Lock|Modify|Monitor|Move|Opt|Promote|" +
  "Provision|Publish|Put|Reboot|Record|Reject|Remove|Rename|Replace|Report|Reset|Resume|Resync|Retire|" +
  "Revoke|Rollback|Rotate|Send|Set|Signal|Start|Stop|Submit|Subscribe|Suspend|Switchover|Tag|Unassign|" +
  "Unlabel|Unlock|Unmonitor|Unsubscribe|Untag|Update|Upload|Withdraw";
const update = new RegExp(`^(?:Batch)?(?:${updateVerbs})(?=[A-Z]|$)`);

/** What undoes what: taking away a part of something is an update, as adding the part was. */
const opposites: readonly (readonly [undo: string, make: string])[] = [
  ["Delete", "Create"],
  ["Delete", "Put"],
  ["Deregister", "Register"],
];

/**
 * Says what an operation does, by its verb and by whether the SDK's model has a place for tags.
 * An operation that makes something without tags of its own, such as a route, is an update of
 * what it hangs on. What nobody recognises counts as mutating, and as not known.
 */
export function classifyWith(book: FactBook): (operation: string, service: string) => Classification {
  function createKind(service: string, operation: string): CallKind | undefined {
    const exception = exceptions.get(`${service}.${operation}`);
    if (exception !== undefined) return exception;
    if (!createVerb.test(operation)) return undefined;
    const facts = book.get(service, operation);
    if (facts?.tags !== undefined) return "create";
    if (facts !== undefined && isCovered(service)) return "update";
    return plainCreate.test(operation) ? "create" : undefined;
  }

  function isPart(service: string, operation: string): boolean {
    return opposites.some(([undo, make]) => {
      if (!operation.startsWith(undo)) return false;
      const opposite = make + operation.slice(undo.length);
      return book.get(service, opposite) !== undefined && createKind(service, opposite) === "update";
    });
  }

  function kindOf(service: string, operation: string): CallKind | undefined {
    const created = createKind(service, operation);
    if (created !== undefined) return created;
    if (read.test(operation)) return "read";
    if (remove.test(operation)) return isPart(service, operation) ? "update" : "delete";
    return update.test(operation) ? "update" : undefined;
  }

  return (operation, service) => {
    const kind = kindOf(service, operation);
    const resourceType = resourceTypeOf(service, operation);
    return {
      kind: kind ?? "update",
      known: kind !== undefined,
      ...(resourceType === undefined ? {} : { resourceType }),
      ...(isRevocation(service, operation) ? { revokes: true } : {}),
    };
  };
}
