import type { Classification } from "../../src/core/adapter.ts";
import type { CallKind } from "../../src/core/target.ts";
import { connects, type Operation, parseOperation } from "./operation.ts";

/** Groups whose objects are questions: nothing of them is kept. */
const reviews = new Set(["authentication.k8s.io", "authorization.k8s.io"]);

/** What comes and goes by itself and belongs to no cluster: it is made without an owner. */
const ownerless: Readonly<Record<string, readonly string[]>> = {
  "coordination.k8s.io": ["leases", "leasecandidates"],
  core: ["events"],
  "events.k8s.io": ["events"],
};

/** Whether objects of this kind belong to nobody. */
export const isOwnerless = (service: string, resource: string) =>
  Object.hasOwn(ownerless, service) && (ownerless[service] as readonly string[]).includes(resource);

function kindOf({ verb, dryRun, resource, subresource }: Operation, service: string): CallKind {
  if (subresource !== undefined && connects.has(subresource)) return "update";
  if (dryRun || verb === "get" || verb === "list" || verb === "watch") return "read";
  if (resource.startsWith("/")) return "update";
  if (verb === "delete" || verb === "deletecollection") return "delete";
  if (verb === "update" || verb === "patch") return "update";
  if (verb === "create" && reviews.has(service)) return "read";
  if (subresource === "eviction") return "delete";
  // A token that is issued is kept nowhere, but it opens doors: it is recorded before it leaves.
  return subresource !== undefined || isOwnerless(service, resource) ? "update" : "create";
}

/** Says what an operation does, by the words of its name. */
export function classify(operation: string, service: string): Classification {
  const parsed = parseOperation(operation);
  if (parsed === undefined) return { kind: "update", known: false };
  return {
    kind: kindOf(parsed, service),
    known: true,
    ...(parsed.resource.startsWith("/") ? {} : { resourceType: parsed.resource }),
    ...(operation === "delete secrets" && service === "core" ? { revokes: true } : {}),
  };
}
