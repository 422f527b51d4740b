import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { emergencyStop } from "provider-guard";
import { configMapState } from "provider-guard/kubernetes";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { type Recorded, recordRequests } from "./capi-provider/requests.ts";
import { type Right, readRights, textOf } from "./capi-provider/rights.ts";
import {
  acme,
  bootstrapSecret,
  type ClusterManifestOptions,
  clusterManifests,
  describeWithLab,
  type Lab,
  type Manifest,
  manifests,
  merge,
  type Provider,
  patient,
  region,
} from "./capi-provider.ts";

const rights = await readRights(manifests);
/** What the provider needs wherever Clusters are; the rest of its ClusterRoles it needs in their namespaces. */
const isEverywhere = ({ verbs, resources }: Right) => /list|watch/.test(`${verbs}`) || `${resources}` === "namespaces";
const everywhere = rights.ClusterRole.filter(isEverywhere);
const ofObjects = rights.ClusterRole.filter((right) => !isEverywhere(right));
const without = (all: readonly Right[], lacking: Right | undefined) => all.filter((right) => right !== lacking);
const named = (all: readonly Right[]) => all.map((right) => ({ name: textOf(right), right }));

/** Many wait side by side for a machine that may be busy. */
const boundMs = 300_000;
const rbac = "/apis/rbac.authorization.k8s.io/v1";

describeWithLab("the rights of the example provider", (start) => {
  let lab: Lab;
  let recorded: Recorded;

  beforeAll(async () => {
    recorded = await recordRequests({ userGroups: ["system:serviceaccounts"] });
    lab = await start({ flags: recorded.flags });
  }, 180_000);
  afterAll(async () => {
    await lab?.stop();
    await recorded?.remove();
  });

  /** Where the provider said that something went wrong. */
  const told = (provider: Provider) =>
    provider.log().flatMap(({ event, where, reason }) => (event === "error" ? [`${where}: ${reason}`] : []));

  /** The account of a provider that lives in this namespace. */
  const accountOf = (namespace: string) => `system:serviceaccount:${namespace}:acme-provider`;

  /** Makes an account like the manifests' one in another namespace. @returns Its token. */
  async function makeAccount(namespace: string, lacking?: Right): Promise<string> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    await lab.kubernetes.request("POST", path, { metadata: { name: "acme-provider" }, spec: {} });
    return lab.kubernetes.user({
      namespace,
      name: "acme-provider",
      rules: without(rights.Role, lacking),
      clusterRules: without(everywhere, lacking),
    });
  }

  /** One process for each: nothing else is in the cluster as yet that they could quarrel about. */
  describe("for itself", () => {
    async function setUp(lacking: Right | undefined, { onTestFinished }: TestContext) {
      const namespace = await lab.kubernetes.freshNamespace("rights");
      const token = await makeAccount(namespace, lacking);
      const run = async () => {
        const provider = await lab.startProvider({ name: namespace, token, env: { POD_NAMESPACE: namespace } });
        onTestFinished(async () => {
          provider.process.kill("SIGKILL");
          await provider.ended;
        });
        return provider;
      };
      return { namespace, run };
    }

    const ready = (provider: Provider) =>
      fetch(`${provider.url}/readyz`).then(
        ({ ok }) => ok && provider.log().some(({ event }) => event === "elected"),
        () => false,
      );

    /** A stop that an operator set is lost from the store; its provider, which obeys it, has to put it back. */
    async function loseStop(
      provider: Provider,
      namespace: string,
      how: "deleted" | "emptied",
      { expect }: TestContext,
    ) {
      const config = new KubeConfig();
      config.loadFromOptions(lab.kubernetes.kubeConfig());
      const state = configMapState({ core: config.makeApiClient(CoreV1Api), namespace, name: "acme-guard-state" });
      await emergencyStop(state).freeze({ reason: "incident 42", by: "alice" });
      const metrics = async () => (await fetch(`${provider.url}/metrics`)).text();
      await expect.poll(metrics, patient).toMatch(/^provider_guard_freeze_active 1$/m);
      const maps = `/api/v1/namespaces/${namespace}/configmaps`;
      const { items } = await lab.kubernetes.request<{ items: Manifest[] }>("GET", maps);
      const [map] = items.filter(({ metadata }) => metadata.name.startsWith("acme-guard-state"));
      const path = `${maps}/${map?.metadata.name}`;
      if (how === "deleted") await lab.kubernetes.request("DELETE", path);
      else await lab.kubernetes.request("PATCH", path, { data: null }, merge);
      return async () => (await emergencyStop(state).frozen()).length === 1;
    }

    it.concurrent(
      "suffices",
      async (context) => {
        const { expect } = context;
        const { namespace, run } = await setUp(undefined, context);
        const provider = await run();
        await expect.poll(() => ready(provider), patient).toBe(true);
        for (const how of ["deleted", "emptied"] as const) {
          await expect.poll(await loseStop(provider, namespace, how, context), patient).toBe(true);
        }
        const { allowed, denied } = await recorded.rights(accountOf(namespace));
        expect(denied).toEqual([]);
        expect([...allowed].sort()).toEqual([...everywhere, ...rights.Role].map(textOf).sort());
        expect(told(provider)).toEqual([]);
      },
      boundMs,
    );

    it.concurrent.for(named([...everywhere, ...rights.Role]))(
      "misses $name",
      { timeout: boundMs },
      async ({ name, right }, context) => {
        const { expect } = context;
        const { namespace, run } = await setUp(right, context);
        let provider = await run();
        let reached = () => ready(provider);
        const how = { "create configmaps": "deleted", "update configmaps": "emptied" } as const;
        if (name in how) {
          await expect.poll(() => ready(provider), patient).toBe(true);
          reached = await loseStop(provider, namespace, how[name as keyof typeof how], context);
        }
        const answers = () => recorded.rights(accountOf(namespace));
        await expect.poll(async () => (await answers()).denied, patient).toEqual([name]);
        const [verb, resource] = name.split(" ");
        if (verb === "watch")
          await expect.poll(() => told(provider), patient).toContain(`watch of ${resource}: AccessDenied`);
        else expect(await reached()).toBe(false);
        // Of what it needs to begin at all it says what is missing, and ends; its Deployment starts it again.
        const ends = ["get namespaces", "get configmaps"].includes(name);
        if (ends) expect(await provider.ended).toBe(1);

        for (const [path, rules] of [
          [`${rbac}/namespaces/${namespace}/roles/acme-provider`, rights.Role],
          [`${rbac}/clusterroles/${namespace}-acme-provider`, everywhere],
        ] as const) {
          await lab.kubernetes.request("PATCH", path, { rules }, merge);
        }
        if (ends) provider = await run();
        await expect.poll(async () => (await answers()).allowed, patient).toContain(name);
        await expect.poll(reached, patient).toBe(true);
      },
    );
  });

  /** One process for all: its account may read lists everywhere, and in each namespace it lacks one right. */
  describe("for the objects of users", () => {
    let provider: Provider;
    let account: { readonly namespace: string; readonly name: string };

    beforeAll(async () => {
      const namespace = await lab.kubernetes.freshNamespace("rights");
      const token = await makeAccount(namespace);
      account = { namespace, name: "acme-provider" };
      provider = await lab.startProvider({ name: namespace, token, env: { POD_NAMESPACE: namespace } });
    });

    /** A namespace where the provider lacks a right, and a cluster of one machine in it. */
    async function setUp(lacking: Right | undefined, options: Partial<ClusterManifestOptions> = {}) {
      const namespace = await lab.kubernetes.freshNamespace("rights");
      const path = `${rbac}/namespaces/${namespace}`;
      const grant = (rules: readonly Right[]) => ({ metadata: { name: "acme-provider" }, rules });
      await lab.kubernetes.request("POST", `${path}/roles`, grant(without(ofObjects, lacking)));
      await lab.kubernetes.request("POST", `${path}/rolebindings`, {
        metadata: { name: "acme-provider" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "acme-provider" },
        subjects: [{ kind: "ServiceAccount", ...account }],
      });
      const network = await lab.makeNetwork();
      const given = { namespace, name: "blue", network, dataSecretName: "bootstrap", ...options };
      await lab.apply(bootstrapSecret(namespace, "bootstrap"), ...clusterManifests(given));
      return {
        namespace,
        answers: () => recorded.rights(`"namespace":"${namespace}"`),
        giveBack: () => lab.kubernetes.request("PATCH", `${path}/roles/acme-provider`, grant(ofObjects), merge),
        /** Has each of the provider's objects looked at now. */
        async touch() {
          for (const plural of ["acmeclusters", "acmemachines"]) {
            for (const { metadata } of await lab.list(namespace, acme, plural)) {
              const object = `/apis/${acme}/namespaces/${namespace}/${plural}/${metadata.name}`;
              const annotations = { "acme.example/looked-at": metadata.resourceVersion };
              await lab.kubernetes.request("PATCH", object, { metadata: { annotations } }, merge);
            }
          }
        },
      };
    }

    const provisioned = async (namespace: string) => {
      const found = await lab.acmeMachines(namespace);
      return found.length > 0 && found.every(({ status }) => status?.initialization?.provisioned === true);
    };

    it.concurrent(
      "suffice",
      async ({ expect }) => {
        const { namespace, answers } = await setUp(undefined);
        await expect.poll(() => provisioned(namespace), patient).toBe(true);
        expect((await answers()).denied).toEqual([]);
      },
      boundMs,
    );

    /** Nothing can be launched in it. */
    const subnets = [{ id: "subnet-00000000", failureDomain: `${region}a` }];
    const nowhere = { vpc: "vpc-00000000", subnets, cidrs: [] };
    const isOfEvents = ({ resources }: Right) => `${resources}` === "events";
    it.concurrent.for(named(ofObjects.filter((right) => !isOfEvents(right))))(
      "miss $name",
      { timeout: boundMs },
      async ({ name, right }, { expect }) => {
        const options = name === "get kubeadmcontrolplanes" ? { dataSecretName: undefined, workers: 0 } : {};
        const { namespace, answers, giveBack, touch } = await setUp(right, options);
        await expect.poll(async () => (await answers()).denied, patient).toEqual([name]);
        await expect.poll(() => told(provider).filter((line) => line.includes(namespace)), patient).not.toEqual([]);
        expect(await provisioned(namespace)).toBe(false);
        await giveBack();
        await expect
          .poll(async () => {
            if (!(await answers()).allowed.includes(name)) await touch();
            return provisioned(namespace);
          }, patient)
          .toBe(true);
        expect(await answers()).toMatchObject({ allowed: expect.arrayContaining([name]), denied: [name] });
      },
    );

    it.concurrent.for(named(ofObjects.filter(isOfEvents)))(
      "miss $name",
      { timeout: boundMs },
      async ({ name, right }, { expect }) => {
        const { answers, giveBack, touch } = await setUp(right, { network: nowhere });
        const look = async () => {
          await touch();
          return answers();
        };
        await expect.poll(async () => (await look()).denied, { ...patient, interval: 1_000 }).toEqual([name]);
        await expect.poll(() => told(provider), patient).toContain("event: AccessDenied");
        await giveBack();
        await expect.poll(async () => (await look()).allowed, { ...patient, interval: 1_000 }).toContain(name);
      },
    );
  });

  /** With the account and the roles as the manifests make them. */
  describe("of its account", () => {
    let token: string;
    const system = "/api/v1/namespaces/acme-system";

    beforeAll(async () => {
      token = await lab.token();
    });

    interface Rules {
      readonly status: { readonly incomplete: boolean; readonly resourceRules: readonly Partial<Right>[] };
    }

    /** All that the server says it may do there, but for what every account may ask about itself. */
    async function rightsIn(namespace: string): Promise<string[]> {
      const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
      const review = await lab.kubernetes.request<Rules>("POST", path, { spec: { namespace } }, { token });
      const texts = review.status.resourceRules.flatMap(({ verbs = [], resources = [], resourceNames = [] }) =>
        resources
          .filter((resource) => !resource.startsWith("selfsubject"))
          .flatMap((resource) => verbs.map((verb) => [verb, resource, ...resourceNames].join(" "))),
      );
      return texts.sort();
    }
    const texts = (all: readonly Right[]) =>
      all.map((right) => [textOf(right), ...(right.resourceNames ?? [])].join(" ")).sort();

    it("are those of the manifests and nothing else, in its own namespace, in one that was opened to it, and elsewhere", async () => {
      const everywhere = rights.ClusterRole.filter(({ resources }) => `${resources}` !== "secrets");
      expect(await rightsIn("kube-system")).toEqual(texts(everywhere));
      expect(await rightsIn("default")).toEqual(texts(rights.ClusterRole));
      expect(await rightsIn("acme-system")).toEqual(texts([...everywhere, ...rights.Role]));
    });

    const role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/acme-provider";
    const machine = "/apis/cluster.x-k8s.io/v1beta2/namespaces/default/machines/m";
    const acmeMachines = `/apis/${acme}/namespaces/default/acmemachines`;
    it.each<[what: string, method: string, path: string, body?: object]>([
      ["list Secrets", "GET", "/api/v1/secrets"],
      ["list the Secrets of an opened namespace", "GET", "/api/v1/namespaces/default/secrets"],
      ["read a Secret of kube-system", "GET", "/api/v1/namespaces/kube-system/secrets/s"],
      ["read a Secret of its own namespace", "GET", `${system}/secrets/s`],
      ["run a pod", "POST", `${system}/pods`, {}],
      ["run something in a pod", "POST", `${system}/pods/p/exec?command=sh`],
      ["make a token", "POST", `${system}/serviceaccounts/acme-provider/token`, {}],
      ["widen its own role", "PATCH", role, { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] }],
      ["bind a role", "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {}],
      ["sign a certificate", "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", {}],
      ["delete a Machine", "DELETE", machine],
      ["change a Machine", "PATCH", machine, { spec: { providerID: "aws:///a/i-1" } }],
      ["delete its own kinds", "DELETE", acmeMachines],
      ["make its own kinds", "POST", acmeMachines, {}],
      ["take another Lease", "PUT", "/apis/coordination.k8s.io/v1/namespaces/acme-system/leases/other", {}],
      ["delete the emergency stop", "DELETE", `${system}/configmaps/acme-guard-state-0`],
      ["change a CRD", "PATCH", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/acmemachines.${acme}`, {}],
      ["turn off a policy", "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/p"],
    ])("do not let it %s", async (_what, method, path, body) => {
      const patch = method === "PATCH" ? merge : {};
      await expect(lab.kubernetes.request(method, path, body, { token, ...patch })).rejects.toMatchObject({
        status: 403,
      });
    });

    it("do not let it be somebody else", async () => {
      const config = new KubeConfig();
      config.loadFromOptions(lab.kubernetes.kubeConfig(token));
      const user = { ...config.getCurrentUser(), name: "test", impersonateUser: "admin" };
      const impersonating = new KubeConfig();
      impersonating.loadFromOptions({ ...lab.kubernetes.kubeConfig(token), users: [user] });
      const asked = impersonating.makeApiClient(CoreV1Api).readNamespace({ name: "kube-system" });
      await expect(asked).rejects.toMatchObject({ code: 403 });
    });
  });

  describe("of others in its namespace", () => {
    const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;
    const map = (name: string) => ({ metadata: { name } });
    const everything = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
    const closed = { status: 403, body: expect.stringContaining("acme-system is for administrators") };

    it("are none, whatever a role grants them; administrators, Kubernetes and the provider do their work", async () => {
      const { request } = lab.kubernetes;
      const namespace = await lab.kubernetes.freshNamespace("rights");
      const token = await lab.kubernetes.user({ namespace, name: "developer", clusterRules: everything });
      const write = (place: string, as?: string) =>
        request("POST", `${configMaps(place)}?dryRun=All`, map("theirs"), as === undefined ? {} : { token: as });
      await expect.poll(() => write("acme-system", token).catch((error) => error), patient).toMatchObject(closed);
      await write(namespace, token);
      await write("acme-system");

      const system = "/api/v1/namespaces/acme-system";
      const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/acme-system";
      const securityContext = {
        ...{ runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        seccompProfile: { type: "RuntimeDefault" },
      };
      const spec = { containers: [{ name: "c", image: "i", securityContext }] };
      const token600 = { spec: { audiences: [], expirationSeconds: 600 } };
      for (const [method, path, body] of [
        ["POST", `${system}/pods`, { metadata: { name: "p" }, spec }],
        ["POST", `${system}/serviceaccounts/acme-provider/token`, token600],
        ["POST", `${roles}/rolebindings`, { metadata: { name: "r" }, roleRef: { kind: "ClusterRole", name: "edit" } }],
        ["POST", `${system}/pods/p/exec?command=sh&stdout=true`],
        ["POST", `${system}/pods/p/portforward`],
        ["PATCH", "/apis/coordination.k8s.io/v1/namespaces/acme-system/leases/acme-provider", { spec: {} }],
        ["DELETE", `${system}/serviceaccounts/default`],
        ["PATCH", system, { metadata: { labels: { "pod-security.kubernetes.io/enforce": "privileged" } } }],
        ["DELETE", system],
      ] as const) {
        const patch = method === "PATCH" ? merge : {};
        const asked = request(method, path, body, { token, ...patch });
        await expect(asked, `${method} ${path}`).rejects.toMatchObject(closed);
      }
      const own = await lab.token();
      await request("POST", `${configMaps("acme-system")}?dryRun=All`, map("acme-guard-state-3"), { token: own });
      await expect(write("acme-system", own)).rejects.toMatchObject(closed);
    });
  });
});
