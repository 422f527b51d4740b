import type { Tags } from "../../src/core/tags.ts";
import { addPairs, addQuery, addSpecifications, at, changed, fieldsOf } from "./tag-styles.ts";

/** Writes an operation's tags where the common rule would be wrong; `undefined`: this input cannot carry any. */
type Writer = (input: unknown, tags: Tags) => unknown;

function runInstances(input: unknown, tags: Tags): unknown {
  const interfaces = at(input, ["NetworkInterfaces"]);
  // EC2 refuses tags for network interfaces when the request makes none.
  const existing =
    Array.isArray(interfaces) &&
    interfaces.length > 0 &&
    interfaces.every((item) => fieldsOf(item).NetworkInterfaceId !== undefined);
  const spot = at(input, ["InstanceMarketOptions", "MarketType"]) === "spot";
  const types = [
    "instance",
    "volume",
    ...(existing ? [] : ["network-interface"]),
    ...(spot ? ["spot-instances-request"] : []),
  ];
  return changed(input, ["TagSpecifications"], (list) => addSpecifications(list, types, tags));
}

/** What a launch template launches is tagged by what stands in the template. */
function launchTemplateData(input: unknown, tags: Tags): unknown {
  return changed(input, ["LaunchTemplateData", "TagSpecifications"], (list) =>
    addSpecifications(list, ["instance", "volume"], tags),
  );
}

function fleet(input: unknown, tags: Tags): unknown {
  // Only an instant fleet takes tags for what it launches; the others take them from the launch template.
  const types = at(input, ["Type"]) === "instant" ? ["fleet", "instance", "volume"] : ["fleet"];
  return changed(input, ["TagSpecifications"], (list) => addSpecifications(list, types, tags));
}

function autoScalingGroup(input: unknown, tags: Tags): unknown {
  return changed(input, ["Tags"], (list) => addPairs(list, "Key", tags, { PropagateAtLaunch: true }));
}

const onDirectoryBucket = (input: unknown) => String(at(input, ["Bucket"])).endsWith("--x-s3");

/** S3 takes tags with an object, but not in directory buckets. */
function object(input: unknown, tags: Tags): unknown {
  if (onDirectoryBucket(input)) return undefined;
  return changed(input, ["Tagging"], (text) => addQuery(text, tags));
}

/** By `Service.Operation`. */
export const specialWriters: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  ["EC2.RunInstances", runInstances],
  ["EC2.CreateFleet", fleet],
  [
    "EC2.CreateLaunchTemplate",
    (input, tags) =>
      launchTemplateData(
        changed(input, ["TagSpecifications"], (list) => addSpecifications(list, ["launch-template"], tags)),
        tags,
      ),
  ],
  ["EC2.CreateLaunchTemplateVersion", launchTemplateData],
  ["AutoScaling.CreateAutoScalingGroup", autoScalingGroup],
  ["S3.PutObject", object],
  ["S3.CreateMultipartUpload", object],
  // A copy keeps the tags of its source unless it is told to replace them, and then takes none.
  ["S3.CopyObject", (input, tags) => (at(input, ["TaggingDirective"]) === "REPLACE" ? object(input, tags) : undefined)],
  // An overwrite keeps the tags that the parameter has, and Systems Manager refuses tags with it.
  ["SSM.PutParameter", (input, tags) => (at(input, ["Overwrite"]) === true ? undefined : pairs(input, tags))],
  // Tags given with a change to a stack replace all that it has.
  [
    "CloudFormation.CreateChangeSet",
    (input, tags) => (at(input, ["ChangeSetType"]) === "CREATE" ? pairs(input, tags) : undefined),
  ],
]);

function pairs(input: unknown, tags: Tags): unknown {
  return changed(input, ["Tags"], (list) => addPairs(list, "Key", tags));
}
