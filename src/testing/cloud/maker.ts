import type { Clock } from "../../core/clock.ts";
import { count, type Input, tags, text, textOr } from "./input.ts";
import type { Caller, Lookup } from "./lookup.ts";
import type { ResourceType } from "./resource.ts";
import type { AnyStored } from "./resource-store.ts";

/** Makes resources from the input of creates. */
export interface Maker {
  /**
   * @param hiddenMs - Milliseconds until lists and describes show it.
   * @throws {@link CloudError} `Invalid`, or as {@link Lookup.usable} for what the input names.
   */
  make(type: ResourceType, caller: Caller, input: Input, hiddenMs: number): AnyStored;
}

const prefixes = { network: "net", machine: "machine", volume: "vol", loadBalancer: "lb" } as const;

/** Makes a maker. Machines and load balancers take `bootMs` until they are available. */
export function maker({ usable, machinesOf }: Lookup, bootMs: number, clock: Clock): Maker {
  let made = 0;

  function specific(type: ResourceType, caller: Caller, input: Input) {
    switch (type) {
      case "network":
        return { type, cidr: textOr(input, "cidr", "10.0.0.0/16") } as const;
      case "volume":
        return { type, sizeGb: count(input, "sizeGb", 10, 65_536) } as const;
      case "machine": {
        const networkId = usable(caller, text(input, "networkId"), "network").id;
        return {
          type,
          networkId,
          image: textOr(input, "image", "default"),
          size: textOr(input, "size", "small"),
        } as const;
      }
      case "loadBalancer": {
        const networkId = usable(caller, text(input, "networkId"), "network").id;
        return { type, networkId, machineIds: machinesOf(caller, networkId, input) } as const;
      }
    }
  }

  return {
    make(type, caller, input, hiddenMs) {
      const now = clock.monotonic();
      const common = { account: caller.account, region: caller.region, name: text(input, "name"), tags: tags(input) };
      const own = specific(type, caller, input);
      const order = ++made;
      return {
        id: `${prefixes[type]}-${String(order).padStart(8, "0")}`,
        ...common,
        ...own,
        createdAt: Math.floor(clock.now()),
        order,
        visibleAt: now + hiddenMs,
        readyAt: now + (type === "machine" || type === "loadBalancer" ? bootMs : 0),
        goneAt: Number.POSITIVE_INFINITY,
      };
    },
  };
}
