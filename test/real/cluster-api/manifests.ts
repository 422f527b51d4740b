import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kubernetes } from "../kubernetes/start.ts";

/** A CustomResourceDefinition as raw JSON, as far as anything here looks into it. */
export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  metadata: { readonly name: string; labels?: Record<string, string> };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string; readonly [name: string]: unknown };
    readonly versions: readonly { readonly name: string; readonly [field: string]: unknown }[];
    conversion?: unknown;
    readonly [field: string]: unknown;
  };
}

/** Where a manager's webhooks are reached. */
export interface WebhookServer {
  readonly port: number;
  readonly caBundle: string;
}

interface WebhookConfiguration {
  metadata: { name: string };
  readonly webhooks: {
    clientConfig: { readonly service?: { readonly path: string }; url?: string; caBundle?: string };
  }[];
}

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/**
 * Reads YAML with the API server's own parser, by a creation that only pretends: client-node's drops
 * the fields that its types do not know, `x-kubernetes-…` among them.
 */
async function parse<T extends { metadata: { name: string } }>(
  kubernetes: Kubernetes,
  path: string,
  yaml: string,
): Promise<T> {
  const object = await kubernetes.request<T>("POST", `${path}?dryRun=All`, yaml, { contentType: "application/yaml" });
  const { name, labels, annotations } = object.metadata as { name: string; labels?: unknown; annotations?: unknown };
  return { ...object, metadata: { name, labels, annotations } };
}

/** The CRDs of a file as a user would apply it. */
export function parseCrds(kubernetes: Kubernetes, yaml: string): Promise<CustomResourceDefinition[]> {
  return Promise.all(yaml.split(/^---$/m).map((one) => parse<CustomResourceDefinition>(kubernetes, definitions, one)));
}

/** How Cluster API finds the version of a kind that speaks a version of its contract. */
const contracts = { "cluster.x-k8s.io/v1beta1": "v1beta1", "cluster.x-k8s.io/v1beta2": "v1beta2" };

/** A manager's CRDs, with what its Kustomize files would add to them. */
export async function readCrds(
  kubernetes: Kubernetes,
  folder: string,
  { port, caBundle }: WebhookServer,
): Promise<CustomResourceDefinition[]> {
  const clientConfig = { url: `https://127.0.0.1:${port}/convert`, caBundle };
  const files = await readdir(join(folder, "crds"));
  return Promise.all(
    files.map(async (file) => {
      const crd = await parse<CustomResourceDefinition>(
        kubernetes,
        definitions,
        await readFile(join(folder, "crds", file), "utf8"),
      );
      crd.metadata.labels = contracts;
      crd.spec.conversion = { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1"] } };
      return crd;
    }),
  );
}

/** Makes CRDs, and waits until the server answers for each of their versions. */
export async function installCrds(kubernetes: Kubernetes, crds: readonly CustomResourceDefinition[]): Promise<void> {
  await Promise.all(crds.map((crd) => kubernetes.request("POST", definitions, crd)));
  // Established comes first: for a moment after it the server answers 404, or 429.
  for (const { spec } of crds) {
    for (const { name } of spec.versions) {
      const path = `/apis/${spec.group}/${name}/${spec.names.plural}?limit=1`;
      for (let attempt = 0; ; attempt++) {
        const error = await kubernetes.request("GET", path).then(
          () => undefined,
          (error) => error,
        );
        if (error === undefined) break;
        if (attempt === 200) throw error;
        await sleep(50);
      }
    }
  }
}

/** Installs a manager's webhooks, which must answer by now: the server refuses writes while they don't. */
export async function installWebhooks(
  kubernetes: Kubernetes,
  manager: string,
  folder: string,
  { port, caBundle }: WebhookServer,
): Promise<void> {
  const documents = (await readFile(join(folder, "webhooks.yaml"), "utf8"))
    .split(/^---$/m)
    .filter((text) => text.trim());
  for (const yaml of documents) {
    const kind = /^kind: (\w+)$/m.exec(yaml)?.[1] ?? "";
    const path = `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s`;
    const configuration = await parse<WebhookConfiguration>(kubernetes, path, yaml);
    configuration.metadata.name = `${manager}-${configuration.metadata.name}`; // the managers' are all called the same
    for (const webhook of configuration.webhooks) {
      webhook.clientConfig = { url: `https://127.0.0.1:${port}${webhook.clientConfig.service?.path}`, caBundle };
    }
    await kubernetes.request("POST", path, configuration);
  }
}
