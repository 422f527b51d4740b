import type { Clock } from "../../core/clock.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { CloudError } from "./cloud-error.ts";
import { tokenMemory } from "./idempotency.ts";
import { count, type Input, tags, text, texts } from "./input.ts";
import { type Caller, lookup } from "./lookup.ts";
import { maker } from "./maker.ts";
import { type CloudOperation, cloudOperations } from "./operation.ts";
import type { CloudResource, ResourceType } from "./resource.ts";
import { type AnyStored, type ResourceStore, viewOf } from "./resource-store.ts";

/** Times of the simulated cloud, in milliseconds. */
export interface ServerTimes {
  readonly consistencyMs: number;
  readonly bootMs: number;
  readonly deletionMs: number;
  readonly idempotencyMs: number;
}

/** The answer to one request, before it has a request id. */
export interface Result {
  readonly resource?: CloudResource;
  readonly resources?: readonly CloudResource[];
  readonly nextToken?: string;
}

/** Does what requests ask for, at once. */
export interface Server {
  /** @throws {@link CloudError} without a request id. */
  handle(operation: CloudOperation, caller: Caller, input: Input): Result;
  /** Makes a resource without a request, visible at once. */
  place(type: ResourceType, caller: Caller, input: Input): CloudResource;
}

const mostPerPage = 1000;
const usualPage = 100;

const encodeToken = (order: number) => Buffer.from(`after:${order}`).toString("base64url");

function decodeToken(token: string): number {
  const order = /^after:(\d+)$/.exec(Buffer.from(token, "base64url").toString())?.[1];
  if (order === undefined) throw new CloudError("Invalid", { reason: "pageToken: not one of this cloud's" });
  return Number(order);
}

/** Makes the server on top of a store. */
export function server(store: ResourceStore, times: ServerTimes, random: SeededRandom, clock: Clock): Server {
  const find = lookup(store);
  const { make } = maker(find, times.bootMs, clock);
  const tokens = tokenMemory(times.idempotencyMs, clock);

  const view = (resource: AnyStored) => viewOf(resource, store.stateOf(resource));

  function create(operation: CloudOperation, type: ResourceType, caller: Caller, input: Input): AnyStored {
    const { clientToken, ...rest } = input;
    const token = clientToken === undefined ? undefined : text(input, "clientToken");
    const scope = `${caller.account}/${caller.region}/${operation}`;
    const earlier = token === undefined ? undefined : tokens.find(scope, token, rest);
    if (earlier === "mismatch") throw new CloudError("IdempotencyMismatch", { reason: "clientToken was used before" });
    if (earlier !== undefined) return earlier;
    // Hidden for at least half of the time, so that a reader never gets lucky every time.
    const resource = make(type, caller, rest, times.consistencyMs * (0.5 + random() / 2));
    store.add(resource);
    if (token !== undefined) tokens.keep(scope, token, rest, resource);
    return resource;
  }

  function describe(type: ResourceType | undefined, caller: Caller, input: Input): AnyStored {
    const id = text(input, "id");
    const found = type === undefined ? find.own(caller, id) : (find.own(caller, id, type) as AnyStored);
    if (found.visibleAt > clock.monotonic()) throw new CloudError("NotFound", { reason: type ?? "resource" });
    return found;
  }

  function list(type: ResourceType | undefined, caller: Caller, input: Input): Result {
    const size = count(input, "pageSize", usualPage, mostPerPage);
    const ids = input.ids === undefined ? undefined : new Set(texts(input, "ids"));
    const wanted = Object.entries(tags(input));
    const resources: CloudResource[] = [];
    let last = input.pageToken === undefined ? 0 : decodeToken(text(input, "pageToken"));
    for (const resource of store.after(caller.account, caller.region, type, last)) {
      if (resource.visibleAt > clock.monotonic()) continue;
      if (ids !== undefined && !ids.has(resource.id)) continue;
      if (!wanted.every(([key, value]) => resource.tags[key] === value)) continue;
      if (resources.length === size) return { resources, nextToken: encodeToken(last) };
      resources.push(view(resource));
      last = resource.order;
    }
    return { resources };
  }

  function remove(type: ResourceType, caller: Caller, input: Input): AnyStored {
    const resource = find.own(caller, text(input, "id"), type) as AnyStored;
    if (resource.type === "network" && store.inUse(resource.id)) {
      throw new CloudError("DependencyViolation", { reason: "network is in use" });
    }
    if (resource.type === "volume" && resource.machineId !== undefined) {
      throw new CloudError("DependencyViolation", { reason: "volume is attached" });
    }
    store.remove(resource, times.deletionMs);
    return resource;
  }

  function retag(caller: Caller, input: Input, change: (before: AnyStored["tags"]) => AnyStored["tags"]): AnyStored[] {
    const named = texts(input, "ids").map((id) => find.own(caller, id));
    const changed = named.map((resource) => tags({ tags: change(resource.tags) })); // all or none
    named.forEach((resource, i) => {
      resource.tags = changed[i] ?? resource.tags;
    });
    return named;
  }

  function update(operation: CloudOperation, caller: Caller, input: Input): AnyStored | AnyStored[] {
    switch (operation) {
      case "attachVolume": {
        const volume = find.usable(caller, text(input, "volumeId"), "volume");
        const machine = find.usable(caller, text(input, "machineId"), "machine");
        if ((volume.machineId ?? machine.id) !== machine.id) {
          throw new CloudError("IncorrectState", { reason: "volume is attached to another machine" });
        }
        store.attach(volume, machine.id);
        return volume;
      }
      case "detachVolume": {
        const volume = find.own(caller, text(input, "volumeId"), "volume");
        store.attach(volume, undefined);
        return volume;
      }
      case "updateLoadBalancer": {
        const balancer = find.usable(caller, text(input, "id"), "loadBalancer");
        balancer.machineIds = find.machinesOf(caller, balancer.networkId, input);
        return balancer;
      }
      case "tagResource": {
        const added = tags(input);
        return retag(caller, input, (before) => ({ ...before, ...added }));
      }
      default: {
        const keys = new Set(texts(input, "keys"));
        const kept = (before: AnyStored["tags"]) => Object.entries(before).filter(([key]) => !keys.has(key));
        return retag(caller, input, (before) => Object.fromEntries(kept(before)));
      }
    }
  }

  return {
    handle(operation, caller, input) {
      const facts = cloudOperations[operation];
      const type = "resourceType" in facts ? facts.resourceType : undefined;
      if (facts.kind === "create") return { resource: view(create(operation, facts.resourceType, caller, input)) };
      if (facts.kind === "delete") return { resource: view(remove(facts.resourceType, caller, input)) };
      if (facts.kind === "read") {
        if (operation.endsWith("s")) return list(type, caller, input);
        return { resource: view(describe(type, caller, input)) };
      }
      const changed = update(operation, caller, input);
      return Array.isArray(changed) ? { resources: changed.map(view) } : { resource: view(changed) };
    },
    place(type, caller, input) {
      const resource = make(type, caller, input, 0);
      store.add(resource);
      return view(resource);
    },
  };
}
