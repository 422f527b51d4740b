/** The version of the Go that builds the server, where there is one that is new enough; nothing is built. */
export function findKubernetesGo(): string | undefined;

/** Builds the Kubernetes API server with etcd inside, unless it was built from these sources before. */
export function buildKubernetes(): Promise<string>;
