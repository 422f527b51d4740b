/**
 * The controller's cloud on the simulator of `provider-guard/testing`. As with any cloud, all that
 * guarding changes is which client is passed in.
 */
import { CloudError, type SimulatedCloudClient } from "provider-guard/testing";
import type { Cloud } from "./cloud.ts";

/** Answers `undefined` where there is no such resource. */
async function found<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof CloudError && error.code === "NotFound") return undefined;
    throw error;
  }
}

export function simulatorCloud(client: SimulatedCloudClient): Cloud {
  return {
    parts: ["network", "balancer"],
    async createPart(part, { name, status }) {
      if (part === "network") return (await client.createNetwork({ name })).resource.id;
      return (await client.createLoadBalancer({ name, networkId: status.parts.network ?? "" })).resource.id;
    },
    async deletePart(part, id) {
      if (part === "network") await found(client.deleteNetwork({ id }));
      else await found(client.deleteLoadBalancer({ id }));
    },
    async createMachine({ name }, { status }) {
      const userData = `#cloud-config\n# what only ${name} may read\n`;
      const networkId = status.parts.network ?? "";
      return (await client.createMachine({ name, networkId, userData })).resource.id;
    },
    async machineState(id) {
      const answer = await found(client.describeMachine({ id }));
      if (answer === undefined) return "gone";
      const { state } = answer.resource;
      if (state === "deleting") return "stopping";
      return state === "available" ? "running" : "starting";
    },
    async deleteMachine(id) {
      await found(client.terminateMachine({ id }));
    },
  };
}
