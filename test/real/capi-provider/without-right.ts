import { setTimeout as sleep } from "node:timers/promises";
import type { Kubernetes } from "../kubernetes/start.ts";
import type { Rule } from "../kubernetes/users.ts";

export interface Right {
  readonly resource: string;
  readonly verb: string;
}

const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/** The server reads rights from a watch, a moment after it has stored them. */
async function untilAllowed(kubernetes: Kubernetes, group: string, { resource, verb }: Right, wanted: boolean) {
  const [name, subresource] = resource.split("/");
  const resourceAttributes = { group, resource: name, subresource, verb, namespace: "default" };
  const user = "system:serviceaccount:acme-system:acme-provider";
  for (;;) {
    const spec = { user, resourceAttributes };
    const review = await kubernetes.request<{ status: { allowed: boolean } }>("POST", reviews, { spec });
    if (review.status.allowed === wanted) return;
    await sleep(25);
  }
}

/**
 * Takes a right of its ClusterRoles away from the example provider, and waits until it is gone.
 *
 * @returns What gives it back.
 */
export async function withoutRight(kubernetes: Kubernetes, right: Right): Promise<() => Promise<void>> {
  const { resource, verb } = right;
  const role = `${roles}/${resource === "secrets" ? "acme-provider-bootstrap-data" : "acme-provider"}`;
  const { rules } = await kubernetes.request<{ rules: Rule[] }>("GET", role);
  const group = rules.find(({ resources }) => resources.includes(resource))?.apiGroups[0] ?? "";
  const put = async (rules: readonly Rule[], allowed: boolean) => {
    await kubernetes.request("PATCH", role, { rules }, { contentType: "application/merge-patch+json" });
    await untilAllowed(kubernetes, group, right, allowed);
  };
  const less = rules.flatMap((rule) => {
    if (!rule.resources.includes(resource) || !rule.verbs.includes(verb)) return [rule];
    const others = rule.resources.filter((one) => one !== resource);
    const verbs = rule.verbs.filter((one) => one !== verb);
    return [
      { ...rule, resources: others },
      { ...rule, resources: [resource], verbs },
    ].filter((one) => one.resources.length > 0 && one.verbs.length > 0);
  });
  await put(less, false);
  return () => put(rules, true);
}
