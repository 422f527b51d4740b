import { setTimeout as sleep } from "node:timers/promises";
import { CoordinationV1Api, KubeConfig } from "@kubernetes/client-node";
import { type ElectionEvent, type LeaseElector, leaseElector } from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { startChild } from "../support/bundle.ts";
import type { Child } from "../support/child.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const program = new URL("./kubernetes-elector.ts", import.meta.url);
const times = { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 300 };

describeWithKubernetes("leader election on the real API server", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  function elect(namespace: string, identity: string, token?: string) {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    const events: ElectionEvent[] = [];
    const onEvent = (event: ElectionEvent) => void events.push(event);
    const leases = config.makeApiClient(CoordinationV1Api);
    const elector = leaseElector({ leases, namespace, name: "acme", identity, ...times, onEvent });
    onTestFinished(() => elector.close());
    return { elector, events, leases };
  }

  const elected = ({ elector }: { elector: LeaseElector }) => elector.elected({ signal: AbortSignal.timeout(15_000) });

  it("hands over from one to the other when closed, with rising tokens, in Leases that the server accepts", async () => {
    const namespace = await kubernetes.freshNamespace("election");
    const a = elect(namespace, "a");
    const { token } = await elected(a);
    const b = elect(namespace, "b");
    const lease = await a.leases.readNamespacedLease({ namespace, name: "acme" });
    expect(lease.spec).toMatchObject({
      holderIdentity: a.elector.leader,
      leaseDurationSeconds: 3,
      leaseTransitions: 1,
    });
    await a.elector.close();
    expect((await elected(b)).token).toBeGreaterThan(token);
    expect(() => a.elector.check()).toThrow();
  });

  it("loses when the Lease is deleted, and leads again under a greater token", async () => {
    const namespace = await kubernetes.freshNamespace("deleted");
    const { elector, events, leases } = elect(namespace, "a");
    const { token, signal } = await elected({ elector });
    await leases.deleteNamespacedLease({ namespace, name: "acme" });
    await expect.poll(() => signal.aborted, { timeout: 5_000 }).toBe(true);
    expect(events).toContainEqual({ type: "lost", token, reason: "the Lease was deleted" });
    expect((await elected({ elector })).token).toBeGreaterThan(token);
  });

  it("loses within the renew deadline when the API server is killed, and leads again once it is back", async () => {
    const namespace = await kubernetes.freshNamespace("killed");
    const { elector, events } = elect(namespace, "a");
    const { token, signal } = await elected({ elector });
    await kubernetes.kill();
    await expect.poll(() => signal.aborted, { timeout: 5_000 }).toBe(true);
    expect(events.at(-1)).not.toMatchObject({ type: "elected" });
    await kubernetes.restart();
    expect((await elected({ elector })).token).toBeGreaterThan(token);
  }, 60_000);

  it("tells that it may not, and leads as soon as it may", async () => {
    const namespace = await kubernetes.freshNamespace("rights");
    const token = await kubernetes.user({ namespace, name: "elector" });
    const { elector, events } = elect(namespace, "a", token);
    await expect.poll(() => events.length, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({ type: "error", error: { code: 403 } });
    const rules = ["get", "create", "update"].map((verb) => ({
      apiGroups: ["coordination.k8s.io"],
      resources: ["leases"],
      verbs: [verb],
    }));
    await kubernetes.user({ namespace, name: "elector", rules });
    await elected({ elector });
  }, 30_000);

  it("refuses the next mutating call of a leader that was stopped past its lease and continued", async () => {
    const namespace = await kubernetes.freshNamespace("frozen");
    const config = JSON.stringify(kubernetes.kubeConfig());
    const start = async (identity: string): Promise<Child> => {
      const child = await startChild(program, [config, namespace, identity, JSON.stringify(times)]);
      onTestFinished(() => {
        child.process.kill("SIGKILL");
      });
      return child;
    };
    const [a, b] = [await start("a"), await start("b")];
    const sent = ({ lines }: Child) => lines.filter((line) => line.startsWith("sent")).length;
    await expect.poll(() => sent(a) + sent(b), { timeout: 20_000 }).toBeGreaterThan(3);
    const [leader, other] = sent(a) > 0 ? [a, b] : [b, a];
    expect(sent(other)).toBe(0);
    leader.process.kill("SIGSTOP");
    await expect.poll(() => sent(other), { timeout: 20_000 }).toBeGreaterThan(3);
    await sleep(50); // what it had printed before it was stopped
    const before = leader.lines.length;
    leader.process.kill("SIGCONT");
    await leader.printed(before + 1);
    expect(leader.lines[before]).toBe("refused ERR_LEADER_LOST");
    await sleep(1_000);
    expect(leader.lines.slice(before).filter((line) => line.startsWith("sent"))).toEqual([]);
    const tokens = (child: Child) =>
      child.lines.flatMap((line) => (line.startsWith("sent") ? [Number(line.slice(5))] : []));
    expect(Math.min(...tokens(other))).toBeGreaterThan(Math.max(...tokens(leader)));
  }, 60_000);
});
