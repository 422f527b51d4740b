/**
 * Builds clusterctl, the command that installs and moves Cluster API's objects.
 * Returns a folder that holds `clusterctl`, and `crds/*.yaml` of its inventory.
 */
export function buildClusterctl(): Promise<string>;
