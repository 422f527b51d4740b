// One replica: leads when elected, and asks for a change in its cloud every 20 ms through a fenced guard.
import { CoordinationV1Api, KubeConfig } from "@kubernetes/client-node";
import { createGuard } from "provider-guard";
import { fencing, leaseElector } from "provider-guard/kubernetes";
import { object } from "provider-guard/object";

const [, , kubeConfig = "", namespace = "", identity = "", times = ""] = process.argv;
const config = new KubeConfig();
config.loadFromOptions(JSON.parse(kubeConfig));
const leases = config.makeApiClient(CoordinationV1Api);
const elector = leaseElector({ leases, namespace, name: "acme", identity, ...JSON.parse(times) });
const guard = await createGuard({
  owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
  audit: false,
  interceptors: [fencing(elector)],
});
const cloud = {
  async resize(_: { id: string }): Promise<void> {
    process.stdout.write(`sent ${elector.token}\n`);
  },
};
const client = guard.wrap(
  cloud,
  object({ cloud: "acme", operations: { resize: { kind: "update", targets: ["id"] } } }),
);

let refused = false;
setInterval(() => {
  client.resize({ id: "srv-1" }).then(
    () => {
      refused = false;
    },
    (error: { code: string }) => {
      if (!refused) process.stdout.write(`refused ${error.code}\n`);
      refused = true;
    },
  );
}, 20);
