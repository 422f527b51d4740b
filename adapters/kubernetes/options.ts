import * as z from "zod";

/** Options of {@link kubernetes}. */
export interface KubernetesOptions {
  /**
   * Which API server is spoken to, e.g. the UID of `kube-system`: limits and breakers are kept apart by it.
   * @defaultValue host and port of the server's address
   */
  readonly account?: string;
  /**
   * Who is noted in `managedFields` where the caller names nobody; `false` leaves it to the server, and
   * an apply without one is refused by it.
   * @defaultValue the owner's `provider`
   */
  readonly fieldManager?: string | false;
  /**
   * What a delete is bound to. `uid`: the object that was last seen under that name, or that
   * `KubernetesObjectApi.delete(object)` was given. `resourceVersion`: with the latter also the state
   * in which it was read. `false`: nothing.
   * @defaultValue `"uid"`
   */
  readonly deletePreconditions?: "uid" | "resourceVersion" | false;
}

export const optionsSchema = z.strictObject({
  account: z.string().min(1).optional(),
  fieldManager: z
    .union([
      z.literal(false),
      z
        .string()
        .min(1)
        .max(128)
        .regex(/^[\x20-\x7e]+$/, "expected printable characters"),
    ])
    .optional(),
  deletePreconditions: z.union([z.literal(false), z.enum(["uid", "resourceVersion"])]).optional(),
});
