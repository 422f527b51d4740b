// `node scripts/kill-provider.mjs [--kills 100] [--seed N]`: kills the example provider with SIGKILL at random
// moments under the real Cluster API; no machine may be made twice, and none lost.
import { parseArgs } from "node:util";
import { audit } from "./audit-proof.mjs";

const { values } = parseArgs({ options: { kills: { type: "string", default: "100" }, seed: { type: "string" } } });
audit(["test/real/capi-provider-kill.test.ts"], {
  PROVIDER_KILLS: values.kills,
  ...(values.seed !== undefined && { PROVIDER_KILLS_SEED: values.seed }),
});
