import { setTimeout as sleep } from "node:timers/promises";
import { KubernetesRequestError, type SendRequest } from "./request.ts";

/** One rule of a Role or ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface UserOptions {
  readonly namespace: string;
  /** The ServiceAccount's name; it is made unless it is there. */
  readonly name: string;
  /** What it may do in its namespace; nothing unless given. */
  readonly rules?: readonly Rule[];
  /** What it may do in the whole cluster; nothing unless given. */
  readonly clusterRules?: readonly Rule[];
  /** 600, the least that the server grants, up to a day; an hour unless given. */
  readonly expirationSeconds?: number;
}

const rbac = "/apis/rbac.authorization.k8s.io/v1";

/** The server reads new rights from a watch, a moment after it has stored them. */
async function untilAllowed(send: SendRequest, user: string, namespace: string | undefined, rule: Rule): Promise<void> {
  const resourceAttributes = {
    group: rule.apiGroups[0],
    resource: rule.resources[0]?.split("/")[0],
    subresource: rule.resources[0]?.split("/")[1],
    verb: rule.verbs[0],
    name: rule.resourceNames?.[0],
    namespace,
  };
  for (let attempt = 0; attempt < 200; attempt++) {
    const review = await send<{ status: { allowed: boolean } }>(
      "POST",
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      { spec: { user, resourceAttributes } },
    );
    if (review.status.allowed) return;
    await sleep(25);
  }
  throw new Error(`${user} was never allowed to ${JSON.stringify(resourceAttributes)}`);
}

/** Makes a ServiceAccount with these rights, waits until they hold, and returns a token of it. */
export async function createUser(send: SendRequest, options: UserOptions): Promise<string> {
  const { namespace, name, rules = [], clusterRules = [], expirationSeconds = 3_600 } = options;
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await send("POST", accounts, { metadata: { name } }).catch((error) => {
    if (!(error instanceof KubernetesRequestError) || error.status !== 409) throw error;
  });
  const grant = async (path: string, kind: string, roleName: string, granted: readonly Rule[]) => {
    if (granted.length === 0) return;
    await send("POST", `${path}/${kind.toLowerCase()}s`, { metadata: { name: roleName }, rules: granted });
    await send("POST", `${path}/${kind.toLowerCase()}bindings`, {
      metadata: { name: roleName },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: roleName },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
    const scope = kind === "Role" ? namespace : undefined;
    const user = `system:serviceaccount:${namespace}:${name}`;
    for (const rule of granted) await untilAllowed(send, user, scope, rule);
  };
  await grant(`${rbac}/namespaces/${namespace}`, "Role", name, rules);
  await grant(rbac, "ClusterRole", `${namespace}-${name}`, clusterRules);
  const { status } = await send<{ status: { token: string } }>("POST", `${accounts}/${name}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences: ["https://kubernetes.default.svc"], expirationSeconds },
  });
  return status.token;
}
