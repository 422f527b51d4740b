import type { Rule } from "../kubernetes/users.ts";
import { type Manifest, readManifests } from "./manifests.ts";

/** One right: one verb on one resource. */
export type Right = Rule;

/** A right as people say it, e.g. `patch acmemachines/status`. */
export const textOf = ({ verbs, resources }: Right) => `${verbs} ${resources}`;

interface Role extends Manifest {
  readonly rules: readonly Rule[];
}

/** All rights that roles of the example's manifests grant its account, one by one, by the kind of the role. */
export async function readRights(folder: string): Promise<Record<"ClusterRole" | "Role", readonly Right[]>> {
  const objects = (await readManifests(folder, "rbac")) as Role[];
  const rightsOf = (wanted: string) =>
    objects
      .filter(({ kind, metadata }) => kind === wanted && metadata.name !== "acme-provider-aggregated")
      .flatMap(({ rules }) => rules)
      .flatMap(({ apiGroups, resources, verbs, ...names }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            verbs.map((verb) => ({ apiGroups: [group], resources: [resource], verbs: [verb], ...names })),
          ),
        ),
      );
  return { ClusterRole: rightsOf("ClusterRole"), Role: rightsOf("Role") };
}
