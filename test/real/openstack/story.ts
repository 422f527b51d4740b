import { setTimeout as sleep } from "node:timers/promises";
import { type AuditRecord, credentialLease } from "provider-guard";
import type { FetchLike } from "provider-guard/fetch";
import { type GuardedRun, guardedRun, subject } from "../guarded.ts";
import type { OpenStack } from "../openstack.ts";
import { openStackAdapter, sendJson, untaggable } from "./client.ts";
import { alice, provider, tokenOf } from "./cloud.ts";

/** What happened in the cloud, as those who did it know. */
export interface Story {
  readonly run: GuardedRun;
  readonly records: readonly AuditRecord[];
  readonly beganAt: number;
  readonly endedAt: number;
  /** The provider's user. */
  readonly providerId: string;
  /** Request of somebody with the provider's credential, past the guard. */
  readonly stolen: string;
  /** Alice's request past the guard, and when she sent it. */
  readonly byHand: { readonly requestId: string; readonly from: number; readonly to: number };
}

function expectStatus<T extends { readonly status: number }>(answer: T, wanted: number): T {
  if (answer.status !== wanted) throw new Error(`expected ${wanted}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Waits for a server's status; `GONE` when there is none. */
async function serverIs(wanted: string, fetch: FetchLike, url: string, headers = {}): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const { status, body } = await sendJson(fetch, "GET", url, undefined, headers);
    const is = status === 404 ? "GONE" : body?.server?.status;
    if (is === wanted) return;
    if (is === "ERROR") break;
    await sleep(200);
  }
  throw new Error(`${url} is not ${wanted}`);
}

/** A provider works through its guard, while Alice makes a server by hand and a thief uses the provider's credential. */
export async function tellStory({ endpoints, flavor, image, network }: OpenStack): Promise<Story> {
  const { compute, identity } = endpoints;
  const { token, user: providerId } = await tokenOf(endpoints, provider);
  const thief = { "x-auth-token": token };
  const person = { "x-auth-token": (await tokenOf(endpoints, alice)).token, "user-agent": "openstackclient" };
  const lease = credentialLease({
    fetch: async () => ({ value: (await tokenOf(endpoints, provider)).token, expiresAt: Date.now() + 3_600_000 }),
  });
  const run = await guardedRun({ ownership: { untaggable } });
  const adapter = openStackAdapter(endpoints, async () => token);
  const guarded = run.guard.wrap(globalThis.fetch as FetchLike, adapter, { credentials: lease });
  const ours = async (status: number, method: string, url: string, body?: object) =>
    expectStatus(await sendJson(guarded, method, url, body), status);
  const server = (name: string, more = {}) => ({
    server: { name, flavorRef: flavor, imageRef: image, networks: [{ uuid: network }], ...more },
  });

  const beganAt = Date.now();
  const past = await run.guard.reconcile(subject, async () => {
    const made = await ours(202, "POST", `${compute}/servers`, server("ours"));
    const ourServer = `${compute}/servers/${made.body?.server?.id}`;
    await serverIs("ACTIVE", guarded, ourServer);
    await ours(201, "POST", `${endpoints.network}/security-groups`, { security_group: { name: "machines" } });
    await ours(201, "POST", `${endpoints.image}/images`, { name: "golden" });
    const limited = { application_credential: { name: "limited" } };
    await ours(201, "POST", `${identity}/users/${providerId}/application_credentials`, limited);

    await ours(403, "POST", `${compute}/servers`, server("over-quota", { min_count: 4 }));
    await ours(404, "DELETE", `${compute}/servers/00000000-0000-4000-8000-000000000000`);
    const revoked = String((await lease.get()).value);
    const both = { "x-auth-token": revoked, "x-subject-token": revoked };
    expectStatus(await sendJson(fetch, "DELETE", `${identity}/auth/tokens`, undefined, both), 204);
    await ours(200, "POST", `${ourServer}/metadata`, { metadata: { drained: "yes" } });

    const change = { metadata: { drained: "no" } };
    const stolen = expectStatus(await sendJson(fetch, "POST", `${ourServer}/metadata`, change, thief), 200);
    const from = Date.now();
    const byHand = expectStatus(await sendJson(fetch, "POST", `${compute}/servers`, server("by-hand"), person), 202);
    const to = Date.now();
    await serverIs("ACTIVE", fetch, `${compute}/servers/${byHand.body?.server?.id}`, person);

    await ours(204, "DELETE", ourServer);
    await serverIs("GONE", guarded, ourServer);
    return { stolen: stolen.requestId, byHand: { requestId: byHand.requestId, from, to } };
  });
  const endedAt = Date.now();
  lease.close();
  const { records } = await run.finish();
  return { run, records, beganAt, endedAt, providerId, ...past };
}
