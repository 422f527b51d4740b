import { CloudError } from "./cloud-error.ts";
import { type Input, texts } from "./input.ts";
import type { ResourceType } from "./resource.ts";
import type { AnyStored, ResourceStore, StoredResource } from "./resource-store.ts";

/** Who asks, and where. */
export interface Caller {
  readonly account: string;
  readonly region: string;
}

/** Finds what a request names, as its caller may see it. */
export interface Lookup {
  /** @throws {@link CloudError} `NotFound`: there is none of this type in the caller's account and region. */
  own(caller: Caller, id: string): AnyStored;
  own<T extends ResourceType>(caller: Caller, id: string, type: T): StoredResource<T>;
  /** @throws {@link CloudError} `NotFound`, or `IncorrectState`: it is being deleted. */
  usable<T extends ResourceType>(caller: Caller, id: string, type: T): StoredResource<T>;
  /** Ids in `machineIds`, all of this network. @throws {@link CloudError} as {@link Lookup.usable}, or `Invalid` */
  machinesOf(caller: Caller, networkId: string, input: Input): readonly string[];
}

/** Makes lookups on a store. */
export function lookup(store: ResourceStore): Lookup {
  function own<T extends ResourceType>(caller: Caller, id: string, type?: T): StoredResource<T> {
    const found = store.get(id);
    if (found?.account !== caller.account || found.region !== caller.region || (type && found.type !== type)) {
      throw new CloudError("NotFound", { reason: type ?? "resource" });
    }
    return found as AnyStored as StoredResource<ResourceType> as StoredResource<T>;
  }

  function usable<T extends ResourceType>(caller: Caller, id: string, type: T): StoredResource<T> {
    const found = own(caller, id, type);
    if (found.deletedAt !== undefined) throw new CloudError("IncorrectState", { reason: `${type} is being deleted` });
    return found;
  }

  return {
    own: own as Lookup["own"],
    usable,
    machinesOf(caller, networkId, input) {
      const ids = texts(input, "machineIds");
      for (const id of ids) {
        if (usable(caller, id, "machine").networkId === networkId) continue;
        throw new CloudError("Invalid", { reason: "machineIds: a machine of another network" });
      }
      return ids;
    },
  };
}
