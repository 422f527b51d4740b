import { at, changed } from "./tag-styles.ts";

/**
 * Which part of an input holds the options of the instance metadata service, and which member says
 * that the rest comes from a launch template.
 */
const places: ReadonlyMap<string, { readonly path: readonly string[]; readonly base?: string }> = new Map([
  ["EC2.RunInstances", { path: ["MetadataOptions"], base: "LaunchTemplate" }],
  ["EC2.CreateLaunchTemplate", { path: ["LaunchTemplateData", "MetadataOptions"] }],
  ["EC2.CreateLaunchTemplateVersion", { path: ["LaunchTemplateData", "MetadataOptions"], base: "SourceVersion" }],
  ["AutoScaling.CreateLaunchConfiguration", { path: ["MetadataOptions"] }],
]);

/**
 * Requires IMDSv2 with a hop limit of 1 of what is launched, unless the caller set those members:
 * session tokens keep a forged request from reading the instance's credentials, and one hop keeps
 * pods away from them. A hop limit that a launch template may have set is left to it.
 *
 * @returns The same input where there is nothing to add, else a copy; equal inputs give equal results.
 * @see InstanceMetadataOptionsRequest in the documentation of @aws-sdk/client-ec2 3.1169, read 2026-11
 */
export function requireImdsV2(service: string, operation: string, input: unknown): unknown {
  const place = places.get(`${service}.${operation}`);
  if (place === undefined) return input;
  const options = at(input, place.path) as Readonly<Record<string, unknown>> | undefined;
  if (options?.HttpEndpoint === "disabled") return input;
  const fromTemplate = place.base !== undefined && at(input, [place.base]) !== undefined;
  const wanted = { HttpTokens: "required", ...(fromTemplate ? {} : { HttpPutResponseHopLimit: 1 }) };
  const missing = Object.entries(wanted).filter(([name]) => options?.[name] === undefined);
  if (missing.length === 0) return input;
  return changed(input, place.path, () => ({ ...options, ...Object.fromEntries(missing) }));
}
